// The button for phone numbers in MPFlutter 2, which builds for WeChat alone.
//
// NOT COMPILED by the tests of this repository: there is no Dart there. Its syntax is parsed, the functions at its end are
// translated to JavaScript and run, and the events that MPFlutter's button passes on are replayed. See README.md.
//
// It knows no HTTP: `post` sends the body to POST {server}/v1/apps/{app}/phone-number, and `login` is wx.login.

import 'dart:async';

import 'package:flutter/material.dart';
import 'package:mpflutter_core/mpjs/mpjs.dart' as mpjs;
import 'package:mpflutter_wechat_button/mpflutter_wechat_button.dart';

/// What a server answered. `body` is the JSON object; empty if it is none.
class HaomaAnswer {
  final int status;
  final Map<String, dynamic> body;

  const HaomaAnswer(this.status, this.body);
}

/// Why there is no number. `reason` and `next` are those of the kit; see docs/front-end.md.
class HaomaFailure {
  final String reason;
  final String next;
  final String code;
  final String message;
  final int errno;

  const HaomaFailure(this.reason, this.next, {this.code = '', this.message = '', this.errno = 0});
}

class HaomaPhoneButton extends StatefulWidget {
  /// What is tapped.
  final Widget child;

  /// Returns the code of wx.login. It is called when the first button appears, after each answer,
  /// and every four minutes: all buttons share one login.
  final Future<String> Function() login;

  /// Sends a body, and throws if there is no answer.
  final Future<HaomaAnswer> Function(Map<String, dynamic> body) post;

  final void Function(Map<String, dynamic> answer) onSuccess;
  final void Function(HaomaFailure failure) onFail;

  /// The text that is shown before the tap, and the version of the policy that it is about.
  final String consent;
  final String policy;
  final String scene;
  final bool realtime;
  final bool disabled;

  /// Another way to give the number, shown when it is needed.
  final Widget? fallback;

  const HaomaPhoneButton({
    super.key,
    required this.child,
    required this.login,
    required this.post,
    required this.onSuccess,
    required this.onFail,
    this.consent = '',
    this.policy = '',
    this.scene = '',
    this.realtime = false,
    this.disabled = false,
    this.fallback,
  });

  @override
  State<HaomaPhoneButton> createState() => _HaomaPhoneButtonState();
}

/// The login of the mini program. All buttons share it, because another login may end the session of the one before.
class _HaomaLogin {
  static const _fresh = Duration(minutes: 4);

  static String code = '';
  static DateTime taken = DateTime(2000);
  static bool asking = false;

  /// How many buttons are between a tap and its answer.
  static int using = 0;

  /// What shows each button anew.
  static final buttons = <VoidCallback>{};

  static void tell() {
    for (final show in buttons.toList()) {
      show();
    }
  }

  /// Takes a login unless there is a fresh one; never between a tap and its answer.
  static Future<void> renew(Future<String> Function() login) async {
    if (using > 0 || asking) return;
    if (code != '' && DateTime.now().difference(taken) < _fresh) return;
    asking = true;
    final from = DateTime.now();
    try {
      code = await login();
      taken = from;
    } catch (_) {
      // The timer tries again.
    } finally {
      asking = false;
    }
    tell();
  }

  /// Gives the code away: it works once.
  static String take() {
    final taken = code;
    code = '';
    return taken;
  }
}

class _HaomaPhoneButtonState extends State<HaomaPhoneButton> {
  bool _busy = false;
  bool _fallback = false;
  Timer? _timer;

  @override
  void initState() {
    super.initState();
    _HaomaLogin.buttons.add(_show);
    _timer = Timer.periodic(const Duration(seconds: 5), (_) => _renew());
    _renew();
  }

  @override
  void dispose() {
    _timer?.cancel();
    _HaomaLogin.buttons.remove(_show);
    super.dispose();
  }

  void _show() {
    if (mounted) setState(() {});
  }

  Future<void> _renew() => _HaomaLogin.renew(widget.login);

  Future<void> _received(mpjs.JSObject detail) async {
    if (_busy) return;
    final code = '${detail['code'] ?? ''}';
    if (code == '') {
      final message = '${detail['errMsg'] ?? ''}';
      final errno = num.tryParse('${detail['errno'] ?? ''}')?.toInt() ?? 0;
      final reason = haomaReason(message, errno);
      _fail(HaomaFailure(reason, haomaNext(reason, message, errno), message: message, errno: errno));
      return;
    }
    _busy = true;
    _HaomaLogin.using++;
    final body = haomaBody(_HaomaLogin.take(), code, widget.policy, widget.scene);
    _HaomaLogin.tell();
    HaomaAnswer? answer;
    for (var tries = 1; tries <= 3; tries++) {
      try {
        answer = await widget.post(body);
      } catch (_) {
        answer = null;
      }
      // The same body is the same request for the service: the code is not used twice.
      if (answer != null && haomaAfter(answer.status, answer.body) != 'retry-later') break;
      if (tries < 3) await Future<void>.delayed(Duration(seconds: tries));
    }
    _busy = false;
    _HaomaLogin.using--;
    _HaomaLogin.tell();
    if (!mounted) return;
    if (answer != null && answer.status < 300) {
      setState(() => _fallback = false);
      widget.onSuccess(answer.body);
    } else if (answer == null) {
      _fail(const HaomaFailure('network', 'retry-later'));
    } else {
      final next = haomaAfter(answer.status, answer.body);
      _fail(HaomaFailure('server', next, code: '${answer.body['code'] ?? ''}', message: '${answer.body['title'] ?? ''}'));
    }
    await _renew();
  }

  void _fail(HaomaFailure failure) {
    setState(() => _fallback = failure.reason != 'server' || failure.next != 'ask-again');
    widget.onFail(failure);
  }

  @override
  Widget build(BuildContext context) {
    final ready = _HaomaLogin.code != '' && _HaomaLogin.using == 0 && !widget.disabled;
    return Column(
      crossAxisAlignment: CrossAxisAlignment.stretch,
      mainAxisSize: MainAxisSize.min,
      children: [
        if (widget.consent != '') Text(widget.policy == '' ? widget.consent : '${widget.consent} (${widget.policy})'),
        MPFlutter_Wechat_Button(
          openType: widget.realtime ? 'getRealtimePhoneNumber' : 'getPhoneNumber',
          phoneNumberNoQuotaToast: false,
          disabled: !ready,
          onGetPhoneNumber: _received,
          onGetRealtimePhoneNumber: _received,
          child: widget.child,
        ),
        if (_fallback && widget.fallback != null) widget.fallback!,
      ],
    );
  }
}

/// The request body.
Map<String, dynamic> haomaBody(String loginCode, String code, String policy, String scene) {
  final body = <String, dynamic>{
    'authorization': <String, dynamic>{'code': code},
  };
  if (loginCode != '') {
    body['login_code'] = loginCode;
  }
  if (policy != '' || scene != '') {
    final consent = <String, dynamic>{};
    if (policy != '') {
      consent['policy'] = policy;
    }
    if (scene != '') {
      consent['scene'] = scene;
    }
    body['consent'] = consent;
  }
  return body;
}

/// Why an event of the button has no code.
String haomaReason(String message, int errno) {
  if (errno == 1400001) {
    return 'quota';
  }
  if (errno == 103 || errno == 104 || message.contains('not authorized')) {
    return 'privacy';
  }
  if (haomaForbids(message, errno)) {
    return 'platform';
  }
  if (message.contains('deny') || message.contains('cancel') || (message == '' && errno == 0)) {
    return 'denied';
  }
  return message.contains(':ok') ? 'unsupported' : 'platform';
}

/// True if WeChat does not allow the mini program to ask.
bool haomaForbids(String message, int errno) {
  return errno == 102 || errno == 112 || message.contains('no permission') || message.contains('not declared');
}

/// What to do after an event without a code.
String haomaNext(String reason, String message, int errno) {
  return reason == 'quota' || reason == 'unsupported' || haomaForbids(message, errno) ? 'stop' : 'ask-again';
}

/// What to do after an answer: the service's word, or what the status says.
String haomaAfter(int status, Map<String, dynamic> answer) {
  if (status < 300) {
    return '';
  }
  if (answer['next'] == 'ask-again' || answer['next'] == 'retry-later' || answer['next'] == 'stop') {
    return answer['next'];
  }
  if (status == 429 || (status > 501 && status < 505)) {
    return 'retry-later';
  }
  return status > 499 ? 'ask-again' : 'stop';
}

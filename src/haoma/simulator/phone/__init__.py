"""The phone in the browser: the page of ``haoma simulate``, and what it asks the simulator for.

Everything is JSON, or a file of the page. A POST needs ``content-type: application/json``. Requests of other web pages
are refused. Every refusal is ``{"error": "…", "needed": "…"}`` with a status of 4xx.

``GET /phone/`` (``GET /`` leads a browser there)
    ``page.html``, in the language of ``?lang=zh|en``, of the cookie ``haoma-lang``, or of Accept-Language. In it,
    ``{{lang}}`` is ``zh-CN`` or ``en``, and ``{{theme}}`` is the cookie ``haoma-theme``: ``light``, ``dark`` or empty.
    The page sets both cookies. Its words are in ``words/phone_page.toml``.
``GET /phone/static/NAME``
    A file of ``static/``; ``NAME`` is a name or ``folder/name``. A file whose name begins with ``frame`` has the
    content security policy of the sandboxed frame, which may load the others: they hold no secret.
``GET /phone/api/catalogue?lang=zh``
    ``{platforms, service, clock, groups}``::

        platforms: [{name, title, kind: "mini-program" | "page", button: {openType, scope, login}, apps: [NAME],
                     users: [{id, label}], scenes: [{name, line, group, outcome, app, expect, who}],
                     steps: {WAY: [{n, text}]}}]
        service: {url, own, path, key, moves}
        clock: {now, ahead}
        groups: [{name: "good" | "user" | "yours" | "network", title}]

    ``kind`` is ``page`` where there is no mini program, and then there is no login.
    ``button.login`` names the call, such as ``wx.login``. ``outcome`` is ``ok``, ``no``, ``fix`` or ``unk``.
    ``service.path`` is where the page posts, with ``{app}`` in it unless the command line named a path; ``key`` is the
    publishable key, for ``Authorization: Bearer``; ``moves`` says whether its clock is moved along. Times are Unix
    seconds.
``POST /phone/api/runs`` ``{platform, scene, app?, user?, own?}``
    ``{run, app}``. ``user`` is an id of the catalogue. An ``app`` must be that of the scene. ``own: true`` says that
    the developer's own mini program runs: then nothing that it sends is changed (see ``send``).
``POST /phone/api/runs/RUN/login`` ``{}``
    ``{code}``: what ``wx.login`` and the like give; empty where there is no login.
``POST /phone/api/runs/RUN/tap`` ``{allow}``
    ``{event, failed, pushes, body?}``: what the platform hands to the page: ``e.detail``; or ``{response}``, the result
    of the call that gives the number, where the button only asks for leave (``scope`` is not empty); there a refusal is
    the event of ``onError``, ``{type, detail}``. ``failed``: it is no authorization (denied, or the button failed), and
    a good front end sends nothing. ``body`` is what to post where ``kind`` is ``page``. Without a login before, it logs
    in first. A second tap begins anew.
``POST /phone/api/runs/RUN/send`` ``{path, method?, headers?, body?}``
    ``{status, headers, body, ms, error?}``: forwards a request of the page to the service, and records it. ``path`` is
    below ``/v1/``, or that of the command line; ``body`` is a text, both ways. Status 0: there was no answer, and
    ``error`` says why. Some scenes are about a mistake of the front end (``without-login``, ``plus-became-space``):
    there the body is changed to what such a front end sends, and the timeline says so.
``GET /phone/api/runs/RUN?lang=zh``
    The timeline::

        {run, platform, app, user, scene: {name, line, expect}, state, at, ms, failed, tapped,
         stops: [{id: "sealed",  title, state, ms, text, wire: {head, body}},
                 {id: "sent",    title, state, ms, text, wire: {head, body}},
                 {id: "checked", title, state, ms, text, way, request_id, steps: [{n, text, state, reason}]},
                 {id: "came",    title, state, ms, text, status, masked, code, public_code, next,
                                 checks: [{name, label, proven, how}]},
                 {id: "means",   title, state, ms, text, heading, cause, remedy, see, page, who, who_label}],
         code: {curl, python, pytest}}

    ``state`` of a run, stop or step is ``idle``, ``now``, ``ok``, ``no``, ``fix`` or ``unk``.
    ``ms`` counts from the tap, and is null where nothing has happened. ``wire.body`` is a JSON value in which a secret
    is ``{"short": "e423…", "size": 64}``, and a number ``{"masked": "138****5544"}``. ``came.code`` is the precise
    code, as the operator's log has it; ``came.public_code`` is what the front end saw.
``POST /phone/api/clock`` ``{advance: SECONDS}`` or ``{reset: true}``
    ``{now, ahead}``: moves the clock of the simulated platforms, and that of the service that the simulator has
    started. All pages share it.
"""

from haoma.simulator.phone.phone import Phone

__all__ = ["Phone"]

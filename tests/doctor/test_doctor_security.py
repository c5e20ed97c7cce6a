"""What a mini program does that works and is wrong all the same, and the spellings of Taro; working code is left alone."""

import pytest

from haoma.doctor.mini_program.scan import scan

VUE3 = '{"dependencies": {"@tarojs/taro": "3.6.0", "@tarojs/plugin-framework-vue3": "3.6.0", "vue": "^3.3.0"}}'
VUE2 = '{"dependencies": {"@tarojs/taro": "3.6.0", "@tarojs/plugin-framework-vue2": "3.6.0", "vue": "^2.7.0"}}'
REACT = '{"dependencies": {"@tarojs/taro": "4.0.0", "@tarojs/plugin-framework-react": "4.0.0", "react": "^18.0.0"}}'
BOTH = '{"dependencies": {"@tarojs/taro": "4.0.0", "vue": "^3.3.0", "react": "^18.0.0"}}'
OF_VUE = "import { defineComponent, ref } from 'vue'\n"
OF_REACT = "import { useState } from 'react'\n"
POST = "Taro.request({ url: '/phone', method: 'POST', data: { code: e.detail.code } })\n"


def found_in(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(scan(folder))


def jsx(tag, attribute):
    return (
        f"const a = (e) => {POST}export default () => <{tag} openType='getPhoneNumber' {attribute}={{a}}>go</{tag}>\n"
    )


def template(tag, attribute):
    return f'<template>\n<{tag} open-type="getPhoneNumber" {attribute}="a">go</{tag}>\n</template>\n<script>const a = (e) => {POST}</script>'


DEAD = [
    (VUE3, "p.jsx", OF_VUE + jsx("button", "onGetPhoneNumber"), "onGetphonenumber"),
    (VUE3, "p.tsx", jsx("button", "onGetPhoneNumber"), "onGetphonenumber"),
    (VUE3, "p.jsx", OF_VUE + jsx("Button", "onGetPhoneNumber"), "onGetphonenumber"),
    (VUE3, "p.jsx", OF_VUE + jsx("button", "ongetphonenumber"), "onGetphonenumber"),
    (BOTH, "p.jsx", OF_VUE + jsx("button", "onGetPhoneNumber"), "onGetphonenumber"),
    (VUE3, "p.jsx", OF_VUE + jsx("button", "onClick"), "onGetphonenumber"),
    (REACT, "p.jsx", OF_REACT + jsx("Button", "onClick"), "onGetPhoneNumber"),
    (REACT, "p.jsx", OF_REACT + jsx("Button", "bindgetphonenumber"), "onGetPhoneNumber"),
    ('{"dependencies": {"@dcloudio/uni-app": "3.0.0"}}', "p.vue", template("button", "@getPhoneNumber").replace("Taro", "uni"), "@getphonenumber"),
]  # fmt: skip
ALIVE = [
    (VUE3, "p.jsx", OF_VUE + jsx("button", "onGetphonenumber")),
    (VUE3, "p.jsx", jsx("button", "onGetphonenumber")),
    (BOTH, "p.jsx", OF_VUE + jsx("button", "onGetphonenumber")),
    (VUE2, "p.jsx", jsx("button", "onGetphonenumber")),
    (VUE2, "p.jsx", jsx("button", "onGetPhoneNumber")),  # Vue 2 keeps the capitals, and Taro compares in small letters
    (VUE2, "p.vue", template("button", "@getPhoneNumber")),
    (VUE3, "p.vue", template("button", "@getphonenumber")),
    (VUE3, "p.vue", template("button", "v-on:getphonenumber")),
    (VUE3, "p.vue", template("button", "@getphonenumber.stop")),
    (VUE3, "p.vue", template("button", "@getPhoneNumber")),  # in a template Vue keeps capitals, and Taro ignores them
    (VUE3, "p.vue", template("button", "v-on:getPhoneNumber")),
    (VUE3, "p.vue", template("button", "@GetPhoneNumber")),
    (REACT, "p.jsx", OF_REACT + jsx("Button", "onGetPhoneNumber")),
    (REACT, "p.jsx", jsx("Button", "onGetPhoneNumber")),
    (REACT, "p.jsx", OF_REACT + jsx("Button", "onGetphonenumber")),  # Taro for React hears any capitals
    (REACT, "p.jsx", jsx("button", "onGetPhoneNumber")),
    (BOTH, "p.jsx", OF_REACT + jsx("Button", "onGetPhoneNumber")),
    ("{}", "p.jsx", "import Taro from '@tarojs/taro'\n" + jsx("Button", "onGetPhoneNumber")),
    ("{}", "p.jsx", "import Taro from '@tarojs/taro'\n" + jsx("button", "onGetphonenumber")),
    ('{"dependencies": {"@dcloudio/uni-app": "3.0.0"}}', "p.vue", template("button", "@getphonenumber").replace("Taro", "uni")),
]  # fmt: skip


@pytest.mark.parametrize("package, name, page, needed", DEAD)
def test_a_dead_spelling(tmp_path, package, name, page, needed):
    """Each framework hears a spelling of its own, and the one that is needed is named."""
    found = found_in(tmp_path, {"package.json": package, f"src/{name}": page})
    assert [(each.code, each.because["needed"]) for each in found] == [("doctor.event-never-fires", needed)]


@pytest.mark.parametrize("package, name, page", ALIVE)
def test_a_spelling_that_works(tmp_path, package, name, page):
    """No advice for what fires."""
    found = found_in(tmp_path, {"package.json": package, f"src/{name}": page})
    assert [each.code for each in found] == ["doctor.front-end-clean"]


@pytest.mark.parametrize("package", [VUE3, '{"dependencies": {"@dcloudio/uni-app": "3.0.0"}}'])
def test_a_component_that_nobody_knows(tmp_path, package):
    """It may call its event what it likes: no fault, and nothing is called clean."""
    found = found_in(tmp_path, {"package.json": package, "p.vue": template("my-phone", "@getPhoneNumber")})
    assert [(each.code, each.severity.value) for each in found] == [("doctor.kit-unknown", "note")]


@pytest.mark.parametrize("package", ["{}", BOTH])
def test_nothing_shows_which_framework_it_is(tmp_path, package):
    """Then neither spelling is called wrong, and nothing is called clean."""
    page = "import Taro from '@tarojs/taro'\n" + jsx("button", "onGetPhoneNumber")
    found = found_in(tmp_path, {"package.json": package, "p.jsx": page})
    assert [(each.code, each.severity.value) for each in found] == [("doctor.taro-framework-unknown", "note")]


ALLOW = {
    "p.axml": '<button open-type="getAuthorize" scope="phoneNumber" onGetAuthorize="onAllow">go</button>',
    "p.wxml": '<button open-type="getPhoneNumber" bindgetphonenumber="onAllow">go</button>',
}
OPEN = "my.request({ url: '/open', method: 'POST', data: { response: res.response },"
BACK = {
    "in the callback": OPEN + "success: (r) => {\n my.request({ url: '/login', method: 'POST', data: { id: 1, phone: r.data.phone } }) } })",
    "of a function": OPEN + "success: function (r) {\n my.request({ url: '/login', method: 'POST', data: { mobile: r.data.data.mobile } }) } })",
    "of a method": OPEN + "success(answer) {\n my.request({ url: '/bind', method: 'POST', data: { 'phoneNumber': answer.data.purePhoneNumber } }) } })",
    "taken apart": OPEN + "success: ({ data }) => {\n post('/login', { phone: data.phone }) } })",
    "parsed": OPEN + "success: (r) => {\n const o = JSON.parse(r.data)\n this.$http('/login', { telephone: o.mobile }) } })",
    "then": "post('/open', { encryptedData: e.detail.encryptedData, iv }).then(res =>\n post('/login', { tel: res.data.phoneNumber }))",
    "awaited": "const r = await request({ url: '/open', method: 'POST', data: { code: e.detail.code } })\nawait request({ url: '/login', method: 'POST', data: { phone: r.data.phone_info.phoneNumber } })",
    "awaited and taken apart": "const { data } = await post('/open', { code: e.detail.code })\nawait post('/login', { phone: data.phoneNumber })",
    "by a name": "const r = await post('/open', { code: e.detail.code })\nconst phone = r.data.phone\nawait post('/login', { openid, phone })",
    "by two names": "const r = await post('/open', { code: e.detail.code })\nlet tel = r.result.mobile;\nawait post('/login', { phone: tel })",
    "optional": "const r = await post('/open', { code: e.detail.code })\nawait post('/login', { phone: r?.data?.phone })",
}  # fmt: skip
FINE = {
    "shown": OPEN + "success: (r) => {\n this.setData({ phone: r.data.phone }) } })",
    "shown, then something else is sent": OPEN + "success: (r) => {\n this.setData({ phone: r.data.masked }); my.request({ url: '/me', method: 'POST', data: { session: r.data.session } }) } })",
    "typed": OPEN + "success: (r) => {} })\nmy.request({ url: '/sms', method: 'POST', data: { phone: this.data.phone } })",
    "typed in an event": OPEN + "success: (r) => {} })\nmy.request({ url: '/sms', method: 'POST', data: { phone: e.detail.value.phone } })",
    "a form": OPEN + "success: (r) => {} })\nmy.request({ url: '/sms', method: 'POST', data: { phone: form.phone, name: form.name } })",
    "proven by a message": "const r = await post('/open', { code: e.detail.code })\nawait post('/login', { phone: r.data.phone, smsCode })",
    "an address": "const r = await post('/open', { code: e.detail.code })\nawait post('/order', { mobile: r.data.address.mobile })",
    "an order": "const r = await post('/open', { code: e.detail.code })\nawait post('/order/create', { contact: 'Li', mobile: r.data.mobile })",
    "a code": "const r = await wx.login()\nawait post('/phone', { phoneCode: e.detail.code, login_code: r.code })",
    "no envelope at all": "const r = await post('/shops', { id })\nawait post('/call', { phone: r.data.phone })",
    "a call": "const r = await post('/open', { code: e.detail.code })\nmy.makePhoneCall({ number: r.data.phone })",
    "the session": "const r = await post('/open', { code: e.detail.code })\nawait post('/me', { token: r.data.token, phone_bound: true })",
    "another's": "const r = await post('/open', { code: e.detail.code })\nawait post('/me', { phone: this.form.phone, id: r.data.id })",
    "only asked for": "const phone = e.detail\nawait post('/open', { phone })",
}  # fmt: skip


@pytest.mark.parametrize("sends", BACK.values(), ids=BACK)
def test_a_number_that_the_phone_posts_back(tmp_path, sends):
    """Anybody can be anybody: a fault, at the line of what is sent."""
    page = f"Page({{ async onAllow(e) {{ my.getPhoneNumber({{ success: async (res) => {{\n{sends}\n}} }}) }} }})"
    found = found_in(tmp_path, ALLOW | {"app.json": "{}", "p.js": page})
    (one,) = [each for each in found if each.code == "doctor.number-from-the-phone"]
    assert (one.severity.value, one.file) == ("fault", "p.js")
    assert one.line > 2
    assert "doctor.front-end-clean" not in {each.code for each in found}


@pytest.mark.parametrize("sends", FINE.values(), ids=FINE)
def test_a_number_that_is_not_posted_back(tmp_path, sends):
    """Shown, typed, chosen, proven anew, or of somebody else: no advice."""
    page = f"Page({{ async onAllow(e) {{ my.getPhoneNumber({{ success: async (res) => {{\n{sends}\n}} }}) }} }})"
    found = found_in(tmp_path, ALLOW | {"app.json": "{}", "p.js": page})
    assert "doctor.number-from-the-phone" not in {each.code for each in found}

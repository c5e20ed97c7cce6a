// Written by frontend/shop/build.mjs.
export default {
platform: "wechat",
json: {"app":{"pages":["pages/order/order"],"window":{"navigationBarTitleText":"haoma"}},"haoma-phone-button/index":{"component":true,"styleIsolation":"apply-shared"},"pages/order/order":{"usingComponents":{"haoma-phone-button":"../../haoma-phone-button/index"}}},
styles: {"app":"/* The shop on the phone. The page draws it for the platforms that have no component; frontend/shop/build.mjs puts this\n   sheet into the mini programs of those that have one. Classes only, so that both have the same. */\n\npage { display: flex; flex-direction: column; min-height: 100%; font: 14px/1.6 var(--font); color: var(--s-ink); background: #f4f4f2; }\n.mini { flex: 1; min-height: 0; overflow-y: auto; padding: 12px; display: flex; flex-direction: column; gap: 10px; scrollbar-width: none; }\n.card { flex: none; background: #fff; border-radius: 12px; padding: 14px; display: grid; gap: 10px; }\n.small { color: var(--s-ink-2); font-size: 12px; }\n.name, .price { font-weight: 600; }\n.price { font-variant-numeric: tabular-nums; white-space: nowrap; }\n.goods { grid-template-columns: 52px minmax(0, 1fr) auto; gap: 0 12px; align-items: center; }\n.goods .name { align-self: end; }\n.goods .price { align-self: end; }\n.goods .small { align-self: start; grid-column: 2; }\n.pic { position: relative; grid-row: span 2; width: 52px; height: 52px; border-radius: 8px; overflow: hidden; background: #f3e3cf; }\n.sun { position: absolute; left: 32px; top: 8px; width: 12px; height: 12px; border-radius: 50%; background: #d9793b; }\n.far, .near { position: absolute; inset: 0; background: #8aa66b; clip-path: polygon(0 73%, 31% 46%, 54% 69%, 73% 54%, 100% 81%, 100% 100%, 0 100%); }\n.near { background: #6f8d52; clip-path: polygon(0 87%, 23% 73%, 50% 88%, 73% 77%, 100% 88%, 100% 100%, 0 100%); }\n.kv { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; }\n.kv .small { font-size: 14px; }\n\n.contact .haoma-phone { display: grid; gap: 10px; }\n.contact .haoma-phone-consent { margin: 0; color: var(--s-ink-2); font-size: 12px; line-height: 1.6; }\n.contact .haoma-phone-button { display: flex; align-items: center; justify-content: center; gap: 10px; width: 100%; min-height: 46px; margin: 0; padding: 0 14px; border: 0; border-radius: 8px; background: var(--host); color: #fff; font: inherit; font-size: 16px; font-weight: 600; line-height: 1.4; cursor: pointer; opacity: 1; transition: background 120ms; }\n.contact .haoma-phone-button:hover { filter: brightness(1.08); }\n.contact .haoma-phone-button:active { filter: brightness(.92); }\n.contact .haoma-phone-button:disabled, .contact .haoma-phone-button[aria-busy=\"true\"] { background: #dddcd8; color: #4c4b46; cursor: progress; filter: none; }\n.contact .haoma-phone-button[aria-busy=\"true\"]::after { content: \"\"; width: 14px; height: 14px; border-radius: 50%; border: 2px solid #4c4b4640; border-top-color: #4c4b46; animation: turn .8s linear infinite; }\n@keyframes turn { to { transform: rotate(360deg); } }\n@media (prefers-reduced-motion: reduce) { .contact .haoma-phone-button[aria-busy=\"true\"]::after { animation: none; } }\n.contact .haoma-phone-text, .told { margin: 0; padding: 10px 14px; border-radius: 8px; background: #f4f4f1; color: #45443f; font-size: 13px; line-height: 1.6; }\n.got { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 2px 12px; min-height: 46px; padding: 6px 14px; border-radius: 8px; background: #e6f4ea; color: #0b6b3a; font-weight: 600; }\n.got .number { display: flex; align-items: center; font-size: 16px; font-variant-numeric: tabular-nums; letter-spacing: .02em; white-space: nowrap; }\n.number .dots { display: inline-flex; margin: 0 .25em; }\n.number .dot { display: block; width: .6em; height: 1.6em; background: radial-gradient(circle at center, currentColor 0 .13em, transparent .16em) no-repeat 50% 52%; }\n.verified::before { content: \"\"; display: inline-block; width: 10px; height: 5px; margin: 0 8px 4px 2px; border: solid currentColor; border-width: 0 0 2px 2px; transform: rotate(-45deg); }\n.fallback { display: flex; justify-content: center; }\n.by-hand, .use { width: auto; margin: 0; border: 0; font: inherit; font-size: 13px; line-height: 1.6; cursor: pointer; }\n.by-hand { padding: 4px; background: none; color: #34526f; text-decoration: underline; text-underline-offset: 3px; text-decoration-color: #34526f55; }\n.hand { display: flex; gap: 8px; width: 100%; }\n.hand .field { flex: 1; width: auto; min-width: 0; min-height: 44px; padding: 0 12px; border: 1px solid #8d8b84; border-radius: 8px; background: #fff; font: inherit; font-size: 16px; font-variant-numeric: tabular-nums; }\n.use { flex: none; padding: 0 16px; border-radius: 8px; background: #ecebe7; color: #1c1c1a; font-weight: 600; }\n.foot-bar { position: sticky; bottom: 0; flex: none; background: #fff; padding: 12px 16px 8px 20px; display: flex; justify-content: space-between; align-items: center; border-top: 1px solid #0000000f; }\n.pay { width: auto; margin: 0; border: 0; border-radius: 21px; height: 42px; padding: 0 22px; background: #1c1c1a; color: #fff; font: inherit; font-weight: 600; line-height: 1.4; cursor: pointer; opacity: 1; }\n.pay:disabled { background: #dddcd8; color: #55544f; cursor: default; opacity: 1; }\n","haoma-phone-button/index":".haoma-phone-consent {\n  margin-bottom: 16rpx;\n  font-size: 24rpx;\n  line-height: 1.6;\n  color: #69655c;\n}\n\n.haoma-phone-text {\n  margin-top: 16rpx;\n  font-size: 26rpx;\n  line-height: 1.6;\n  color: #ab231c;\n}\n\n/* The fields of the fallback. Buttons of a mini program have a width and margins of their own. */\n.haoma-phone-entry {\n  margin-top: 24rpx;\n}\n\n.haoma-phone-row {\n  display: flex;\n  align-items: center;\n}\n\n.haoma-phone-field {\n  flex: 1;\n  min-width: 0;\n  height: 88rpx;\n  padding: 0 24rpx;\n  border: 1px solid #918d83;\n  border-radius: 12rpx;\n  background: #fffefc;\n  color: #1a1917;\n  font-size: 32rpx;\n  box-sizing: border-box;\n}\n\n.haoma-phone-code,\n.haoma-phone-use {\n  margin-top: 16rpx;\n}\n\n.haoma-phone-send,\n.haoma-phone-use {\n  height: 88rpx;\n  padding: 0 28rpx;\n  border: 1px solid #c9c5ba;\n  border-radius: 12rpx;\n  background: #fffefc;\n  color: #1a1917;\n  font-size: 28rpx;\n  font-weight: 500;\n  line-height: 86rpx;\n  text-align: center;\n  box-sizing: border-box;\n}\n\n.haoma-phone-send {\n  flex: none;\n  width: auto;\n  min-width: 220rpx;\n  margin: 0 0 0 16rpx;\n}\n\n.haoma-phone-use {\n  width: 100%;\n  margin-right: 0;\n  margin-left: 0;\n}\n\n.haoma-phone-send[disabled],\n.haoma-phone-use[disabled] {\n  border-color: #e3e0d8;\n  background: #f3f1ec;\n  color: #69655c;\n}\n\n.haoma-phone-note {\n  margin-top: 16rpx;\n  font-size: 26rpx;\n  line-height: 1.6;\n  color: #69655c;\n}\n\n/* A slot has no content of its own on WeChat: the label and the fields are shown where the slot is empty. */\n.haoma-phone-slot:not(:empty) + .haoma-phone-label,\n.haoma-phone-slot:not(:empty) + .haoma-phone-entry {\n  display: none;\n}\n"},
assets: {},
attributes: {},
templates: (()=>{var G={};var R={};var X=function(a){return a==null?Object.create(null):a};var Y=function(a){return a==null?'':String(a)};var Z=function(a,b){if(a===true)return true;if(a)return a[b]};var P=function(a){return typeof a==='function'?a:()=>{}};var Q={a:function(a){for(var i=0;i<a.length;i++)if(a[i])return a},b:function(b){var a=Object.values(b);for(var i=0;i<a.length;i++)if(a[i])return a}};G["haoma-phone-button/index"]=(()=>{var H={};var S;var I=(P)=>{if(!S)S=Object.assign({},H);return S[P]};H[""]=(R,C,D,U,A)=>{if(typeof R.setEventListenerWrapper==='function')R.setEventListenerWrapper(Q.C);var L=R.c,M=R.m,O=R.r,K=U===true,c,f,h=(C,T)=>{C||K||!!U.policy||undefined?T(Y(" ("+Y(D.policy)+")")):T()},g=(C,T,E)=>{if(f===1){E("text",{},(N,C)=>{if(C)L(N,"haoma-phone-policy")},h)}},e=(C,T,E,B)=>{C||K||U.consent?T(Y(D.consent)):T();f=D.policy?1:0;B(f,g)},d=(C,T,E)=>{if(c===1){E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-consent consent-class")},e)}},i,l=(C,T,E,B,F,S)=>{S("")},m=(C,T)=>{C||K||Z(U.state,"label")?T(Y(X(D.state).label)):T()},k=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-slot")},l);E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-label")},m)},j=(C,T,E)=>{if(i===1){E("button",{},(N,C)=>{if(C)L(N,"haoma-phone-button button-class");if(C)O(N,"type","primary");if(C||K||Z(U.state,"openType"))O(N,"open-type",X(D.state).openType);if(C||K||!!(U.loading||Z(U.state,"busy"))||undefined)O(N,"loading",D.loading||X(D.state).busy);if(C||K||!!(U.disabled||U.loading||Z(U.state,"ready"))||undefined)O(N,"disabled",D.disabled||D.loading||!X(D.state).ready);if(C||K||undefined)O(N,"phone-number-no-quota-toast",false);if(C)R.v(N,"getphonenumber","received",!1,!1,!1,!1);if(C)R.v(N,"getrealtimephonenumber","received",!1,!1,!1,!1);if(C)R.v(N,"agreeprivacyauthorization","agreed",!1,!1,!1,!1)},k)}},n,p=(C,T)=>{C||K||Z(U.state,"label")?T(Y(X(D.state).label)):T()},o=(C,T,E)=>{if(n===1){E("button",{},(N,C)=>{if(C)L(N,"haoma-phone-button button-class");if(C)O(N,"type","primary");if(C||K||U.loading)O(N,"loading",D.loading);if(C||K||!!(U.disabled||U.loading||Z(U.state,"ready"))||undefined)O(N,"disabled",D.disabled||D.loading||!X(D.state).ready);if(C)R.v(N,"tap","again",!1,!1,!1,!1)},p)}},q,s=(C,T)=>{C||K||Z(U.state,"text")?T(Y(X(D.state).text)):T()},r=(C,T,E)=>{if(q===1){E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-text text-class");if(C)O(N,"aria-role","alert")},s)}},t,v=(C,T,E,B,F,S)=>{S("fallback")},y=(C)=>{},z,B0=(C,T)=>{C||K||Z(U.entry,"send")?T(Y(X(D.entry).send)):T()},A0=(C,T,E)=>{if(z===1){E("button",{},(N,C)=>{if(C)L(N,"haoma-phone-send");if(C||K||!!(U.disabled||Z(U.entry,"canSend"))||undefined)O(N,"disabled",D.disabled||!X(D.entry).canSend);if(C)R.v(N,"tap","send",!1,!1,!1,!1)},B0)}},x=(C,T,E,B)=>{E("input",{},(N,C)=>{if(C)L(N,"haoma-phone-field haoma-phone-number");if(C)O(N,"type","number");if(C)O(N,"maxlength","16");if(C||K||Z(U.entry,"number"))O(N,"placeholder",X(D.entry).number);if(C||K||Z(U.entry,"number"))O(N,"aria-label",X(D.entry).number);if(C||K||!!(U.disabled||Z(U.entry,"busy"))||undefined)O(N,"disabled",D.disabled||X(D.entry).busy);if(C)R.v(N,"input","typeNumber",!1,!1,!1,!1)},y);z=X(D.entry).sms?1:0;B(z,A0)},C0,E0=(C)=>{},D0=(C,T,E)=>{if(C0===1){E("input",{},(N,C)=>{if(C)L(N,"haoma-phone-field haoma-phone-code");if(C)O(N,"type","number");if(C)O(N,"maxlength","8");if(C||K||Z(U.entry,"code"))O(N,"placeholder",X(D.entry).code);if(C||K||Z(U.entry,"code"))O(N,"aria-label",X(D.entry).code);if(C||K||!!(U.disabled||Z(U.entry,"busy"))||undefined)O(N,"disabled",D.disabled||X(D.entry).busy);if(C)R.v(N,"input","typeCode",!1,!1,!1,!1)},E0)}},F0,H0=(C,T)=>{C||K||Z(U.entry,"use")?T(Y(X(D.entry).use)):T()},G0=(C,T,E)=>{if(F0===1){E("button",{},(N,C)=>{if(C)L(N,"haoma-phone-use");if(C||K||Z(U.entry,"busy"))O(N,"loading",X(D.entry).busy);if(C||K||!!(U.disabled||Z(U.entry,"canUse"))||undefined)O(N,"disabled",D.disabled||!X(D.entry).canUse);if(C)R.v(N,"tap","use",!1,!1,!1,!1)},H0)}},I0,K0=(C,T)=>{C||K||Z(U.entry,"text")?T(Y(X(D.entry).text)):T()},J0=(C,T,E)=>{if(I0===1){E("view",{},(N,C)=>{var $A=X(D.entry).failed;if(C||K||!!Z(U.entry,"failed")||($A?undefined:undefined))L(N,$A?"haoma-phone-text":"haoma-phone-note");if(C)O(N,"aria-role","alert")},K0)}},w=(C,T,E,B)=>{E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-row")},x);C0=X(D.entry).sent?1:0;B(C0,D0);F0=!X(D.entry).sms||X(D.entry).sent?1:0;B(F0,G0);I0=X(D.entry).text?1:0;B(I0,J0)},u=(C,T,E)=>{if(t===1){E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-slot")},v);E("view",{},(N,C)=>{if(C)L(N,"haoma-phone-entry entry-class")},w)}},b=(C,T,E,B)=>{c=D.consent&&X(D.state).supported?1:0;B(c,d);i=X(D.state).openType?1:0;B(i,j);n=X(D.state).again?1:0;B(n,o);q=X(D.state).text?1:0;B(q,r);t=X(D.state).fallback?1:0;B(t,u)},a=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"haoma-phone")},b);C=!1;U=Object.create(null);K=!1};A=A||{};return {C:a,B:A}};return Object.assign(function(R){return H[R]},{_:H})})();G["pages/order/order"]=(()=>{var H={};var S;var I=(P)=>{if(!S)S=Object.assign({},H);return S[P]};H[""]=(R,C,D,U,A)=>{if(typeof R.setEventListenerWrapper==='function')R.setEventListenerWrapper(Q.C);var L=R.c,M=R.m,O=R.r,K=U===true,e=(C)=>{},f=(C)=>{},g=(C)=>{},d=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"sun")},e);E("view",{},(N,C)=>{if(C)L(N,"far")},f);E("view",{},(N,C)=>{if(C)L(N,"near")},g)},h=(C,T)=>{C||K||Z(U.words,"goods")?T(Y(X(D.words).goods)):T()},i=(C,T)=>{C||K||Z(U.words,"price")?T(Y(X(D.words).price)):T()},j=(C,T)=>{C||K||Z(U.words,"pack")?T(Y(X(D.words).pack)):T()},c=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"pic")},d);E("view",{},(N,C)=>{if(C)L(N,"name")},h);E("view",{},(N,C)=>{if(C)L(N,"price")},i);E("view",{},(N,C)=>{if(C)L(N,"small")},j)},l=(C,T)=>{C||K||Z(U.words,"contact")?T(Y(X(D.words).contact)):T()},m,o=(C,T)=>{C||K||Z(U.words,"consent")?T(Y(X(D.words).consent)):T()},n=(C,T,E)=>{if(m===1){E("view",{},(N,C)=>{if(C)L(N,"small")},o)}},p,s=(C,T)=>{C||K||Z(U.words,"verified")?T(Y(X(D.words).verified)):T()},u=(C,T)=>{C||K||Z(U.number,"head")?T(Y(X(D.number).head)):T()},w=(C,x,y,z,A0,B0,T,E)=>{var C0=(C)=>{};E("view",{},(N,C)=>{if(C)L(N,"dot")},C0);A0=undefined;z=undefined},v=(C,T,E,B,F)=>{F(X(D.number).dots,"*this",C||K?undefined:Z(U.number,"dots"),[0,"number","dots"],w)},x=(C,T)=>{C||K||Z(U.number,"tail")?T(Y(X(D.number).tail)):T()},t=(C,T,E)=>{E("text",{},(N,C)=>{},u);E("view",{},(N,C)=>{if(C)L(N,"dots");if(C)O(N,"role","img");if(C||K||Z(U.words,"hidden"))O(N,"aria-label",X(D.words).hidden)},v);E("text",{},(N,C)=>{},x)},r=(C,T,E)=>{E("text",{},(N,C)=>{if(C)L(N,"verified")},s);E("view",{},(N,C)=>{if(C)L(N,"number")},t)},y=(C,T)=>{C||K||Z(U.words,"typed")?T(Y(X(D.words).typed)):T()},B0,E0=(C)=>{},F0=(C,T)=>{C||K||Z(U.words,"use")?T(Y(X(D.words).use)):T()},D0=(C,T,E)=>{E("input",{},(N,C)=>{if(C)L(N,"field");if(C)O(N,"type","number");if(C)O(N,"maxlength","16");if(C||K||Z(U.words,"hand"))O(N,"aria-label",X(D.words).hand);if(C||K||Z(U.words,"hand"))O(N,"placeholder",X(D.words).hand);if(C)R.v(N,"input","write",!1,!1,!1,!1);if(C)R.v(N,"confirm","use",!1,!1,!1,!1)},E0);E("button",{},(N,C)=>{if(C)L(N,"use");if(C)R.v(N,"tap","use",!1,!1,!1,!1)},F0)},G0=(C,T)=>{C||K||Z(U.words,"byHand")?T(Y(X(D.words).byHand)):T()},C0=(C,T,E)=>{if(B0===1){E("view",{},(N,C)=>{if(C)L(N,"hand")},D0)}else{E("button",{},(N,C)=>{if(C)L(N,"by-hand");if(C)R.v(N,"tap","hand",!1,!1,!1,!1)},G0)}},A0=(C,T,E,B)=>{B0=D.writing?1:0;B(B0,C0)},z=(C,T,E)=>{C||K||!!Z(U.words,"button")||undefined?T(Y("\n      "+Y(X(D.words).button)+"\n      ")):T();E("view",{},(N,C)=>{if(C)L(N,"fallback")},A0,"fallback")},q=(C,T,E)=>{if(p===1){E("view",{},(N,C)=>{if(C)L(N,"got");if(C)O(N,"role","status")},r)}else if(p===2){E("view",{},(N,C)=>{if(C)L(N,"told");if(C)O(N,"role","status")},y)}else{E("haoma-phone-button",{},(N,C)=>{if(C||K||U.app)O(N,"app",D.app);if(C||K||U.server)O(N,"server",D.server);if(C||K||U.key)O(N,"publishable-key",D.key);if(C||K||Z(U.words,"consent"))O(N,"consent",X(D.words).consent);if(C||K||U.realtime)O(N,"realtime",D.realtime);if(C||K||undefined)O(N,"accept-encrypted-data",true);if(C||K||U.timeout)O(N,"timeout",D.timeout);if(C||K||U.lang)O(N,"lang",D.lang);if(C)R.v(N,"success","success",!1,!1,!1,!1)},z)}},k=(C,T,E,B)=>{E("view",{},(N,C)=>{if(C)L(N,"name")},l);m=D.number||D.typed?1:0;B(m,n);p=D.number?1:D.typed?2:0;B(p,q)},J0=(C,T)=>{C||K||Z(U.words,"delivery")?T(Y(X(D.words).delivery)):T()},K0=(C,T)=>{C||K||Z(U.words,"today")?T(Y(X(D.words).today)):T()},I0=(C,T,E)=>{E("text",{},(N,C)=>{if(C)L(N,"small")},J0);E("text",{},(N,C)=>{},K0)},M0=(C,T)=>{C||K||Z(U.words,"total")?T(Y(X(D.words).total)):T()},N0=(C,T)=>{C||K||Z(U.words,"price")?T(Y(X(D.words).price)):T()},L0=(C,T,E)=>{E("text",{},(N,C)=>{if(C)L(N,"small")},M0);E("text",{},(N,C)=>{if(C)L(N,"price")},N0)},H0=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"kv")},I0);E("view",{},(N,C)=>{if(C)L(N,"kv")},L0)},b=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"card goods")},c);E("view",{},(N,C)=>{if(C)L(N,"card contact")},k);E("view",{},(N,C)=>{if(C)L(N,"card")},H0)},P0=(C,T)=>{C||K||Z(U.words,"price")?T(Y(X(D.words).price)):T()},Q0=(C,T)=>{C||K||Z(U.words,"order")?T(Y(X(D.words).order)):T()},O0=(C,T,E)=>{E("text",{},(N,C)=>{if(C)L(N,"price")},P0);E("button",{},(N,C)=>{if(C)L(N,"pay");if(C||K||!!(U.number||U.typed)||undefined)O(N,"disabled",!D.number&&!D.typed)},Q0)},a=(C,T,E)=>{E("view",{},(N,C)=>{if(C)L(N,"mini")},b);E("view",{},(N,C)=>{if(C)L(N,"foot-bar")},O0);C=!1;U=Object.create(null);K=!1};A=A||{};return {C:a,B:A}};return Object.assign(function(R){return H[R]},{_:H})})();return G})(),
modules: {
"app": function (require, module, exports, wx, App, Page, Component, Behavior, getApp, getCurrentPages, global) {
App({})

},
"haoma-phone-button/core": function (require, module, exports, wx, App, Page, Component, Behavior, getApp, getCurrentPages, global) {
/* haoma-core; SPDX-License-Identifier: Apache-2.0 */
// @ts-nocheck: what it is made of is checked
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);
var __async = (__this, __arguments, generator) => {
  return new Promise((resolve, reject) => {
    var fulfilled = (value) => {
      try {
        step(generator.next(value));
      } catch (e) {
        reject(e);
      }
    };
    var rejected = (value) => {
      try {
        step(generator.throw(value));
      } catch (e) {
        reject(e);
      }
    };
    var step = (x) => x.done ? resolve(x.value) : Promise.resolve(x.value).then(fulfilled, rejected);
    step((generator = generator.apply(__this, __arguments)).next());
  });
};

// src/kit.ts
var kit_exports = {};
__export(kit_exports, {
  PhoneButton: () => PhoneButton,
  PhoneEntry: () => PhoneEntry,
  SmsCode: () => SmsCode,
  detect: () => detect
});
module.exports = __toCommonJS(kit_exports);

// src/hosts.ts
var { assign } = Object;
var { parse, stringify } = JSON;
var ALIPAY = "alipay";
var GET_PHONE_NUMBER = "getPhoneNumber";
var WECHAT = "wechat";
var HOSTS = {
  alipay: () => my,
  baidu: () => swan,
  douyin: () => tt,
  kuaishou: () => ks,
  xiaohongshu: () => xhs,
  qq: () => qq,
  jd: () => jd,
  wechat: () => wx
};
function find(platform) {
  for (const name in HOSTS) {
    try {
      const host = HOSTS[name]();
      if (platform ? name === platform : host.login || host.getAuthCode) return [name, host];
    } catch (_) {
    }
  }
  return [platform || "h5", null];
}
var detect = () => find()[0];
var library = (host) => {
  try {
    const [a, b, c] = (host.getAppBaseInfo || host.getSystemInfoSync)().SDKVersion.split(".");
    return a * 1e6 + b * 1e3 + +c;
  } catch (_) {
  }
};
function supports(platform, host, { realtime, acceptEncryptedData }) {
  const since = { wechat: realtime ? 2024004 : 2021002, douyin: 3051e3 };
  if (!host || platform === ALIPAY) return host && host.getPhoneNumber;
  return acceptEncryptedData && !realtime || !(library(host) < since[platform]);
}
function openType(platform, host, options) {
  if (platform === ALIPAY) return "getAuthorize";
  if (platform !== WECHAT) return GET_PHONE_NUMBER;
  const type = options.realtime ? "getRealtimePhoneNumber" : GET_PHONE_NUMBER;
  return options.agreePrivacy && !(library(host) < 2033001) ? type + "|agreePrivacyAuthorization" : type;
}
var call = (host, name, args, patience) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject({ errMsg: "timeout" }), patience);
  const end = (act) => (found) => {
    clearTimeout(timer);
    act(found || {});
  };
  host[name](assign({ success: end(resolve), fail: end(reject) }, args));
});
function logIn(platform, host, patience) {
  const name = platform === ALIPAY ? "getAuthCode" : host.getLoginCode ? "getLoginCode" : "login";
  return call(host, name, { scopes: "auth_base", force: true }, patience).then((found) => found.authCode || found.code);
}
function send(alipay, host, options, route, body, timeout) {
  const headers = { "content-type": "application/json", "accept-language": options.lang || "zh" };
  if (options.publishableKey) headers.authorization = "Bearer " + options.publishableKey;
  const args = {
    url: `${options.server}/v1/apps/${options.app}/${route}`,
    method: "POST",
    data: stringify(body),
    timeout,
    headers,
    // of Alipay
    header: headers,
    // Where Alipay parses itself, a text of some proxy is lost.
    dataType: alipay ? "text" : "json"
  };
  return call(host, "request", args, timeout + 1e3).catch((error) => {
    if (error.error === 19) error.status = error.status || 500;
    if (!error.status) throw error;
    return error;
  });
}

// src/outcome.ts
var ASK_AGAIN = "ask-again";
var RETRY_LATER = "retry-later";
var STOP = "stop";
var PLATFORM = "platform";
function refusal(reason, next, more) {
  const fallback = reason !== "server" || next !== ASK_AGAIN;
  return assign({ ok: false, reason, next, retry: next === RETRY_LATER, fallback }, more);
}
function declined(event) {
  const detail = detailOf(event);
  const message = detail.errorMessage || detail.errMsg || detail.message || "";
  const errno = +(detail.errno || detail.error) || 0;
  const said = `${errno} ${message}`;
  const more = { message, errno };
  if (errno === 1400001) return refusal("quota", STOP, more);
  if (/^10[34] |not authorized/.test(said)) return refusal("privacy", ASK_AGAIN, more);
  if (/^1[01]2 |platform auth|no permission|not declared/.test(said)) return refusal(PLATFORM, STOP, more);
  return refusal(/deny|cancel|reject|取消|拒绝|不允许|^0 $/i.test(said) ? "denied" : PLATFORM, ASK_AGAIN, more);
}
var detailOf = (event) => event && event.detail || event || {};
function authorization(platform, options, detail) {
  const { code: code2, encryptedData, iv, errMsg } = detail;
  const byCode = /wechat|douyin/.test(platform);
  if (code2 && byCode) return { code: code2, encryptedData, iv };
  if (encryptedData && (!byCode || options.acceptEncryptedData)) return { encryptedData, iv };
  if (code2) return { code: code2 };
  return encryptedData || /:ok/.test(errMsg) ? refusal("unsupported", STOP, { message: errMsg }) : declined(detail);
}
function ofAlipay(response) {
  for (let inner = response; inner; inner = inner.response) {
    try {
      if (typeof inner === "string") inner = parse(inner);
    } catch (_) {
      return { response };
    }
    const { code: code2, msg, subCode = inner.sub_code, subMsg = inner.sub_msg || msg } = inner;
    if (code2 && code2 != "10000") {
      const more = { code: subCode ? code2 + "/" + subCode : code2, message: subMsg };
      if (code2 == "40003") return refusal("denied", ASK_AGAIN, more);
      return refusal(PLATFORM, code2 == "20000" ? ASK_AGAIN : STOP, more);
    }
  }
  return response ? { response } : refusal(PLATFORM, ASK_AGAIN);
}
function outcome(platform, answer) {
  const raw = answer;
  let { status = raw.statusCode, body = raw.data } = raw;
  const headers = raw.headers || raw.header;
  try {
    body = parse(body);
  } catch (_) {
  }
  if (body && body.data && body.msg) {
    if (body.code) status = body.code;
    body = body.data;
  }
  if (status < 300) return { ok: true, platform, answer: body || {} };
  const { code: code2, title, next, retry } = body || {};
  const guess = status === 429 || status > 501 && status < 505 ? RETRY_LATER : status > 499 ? ASK_AGAIN : STOP;
  const text = /\./.test(code2) ? "" : title;
  const found = refusal(code2 === "declined" ? "denied" : "server", next || guess, { code: code2, text });
  if (retry === false) found.retry = false;
  for (const name in headers) if (/^retry-after$/i.test(name)) found.retryAfter = +headers[name] || void 0;
  return found;
}

// src/words.ts
var WORDS = {
  label: ["手机号码一键登录", "Continue with phone number"],
  busy: ["请稍候…", "One moment…"],
  again: ["重试", "Try again"],
  denied: ["没有获得授权，可以再点一次", "The number was not shared. You can tap again"],
  privacy: ["请先同意隐私保护指引，再点一次", "Please agree to the privacy guideline, then tap again"],
  platform: ["暂时不能获取手机号，请用其他方式填写", "Not available now. Please use another way"],
  network: ["网络不通，请稍后重试", "No connection. Please try again"],
  server: ["暂时无法完成，请稍后再试", "This did not work. Please try later"],
  unsupported: ["当前版本不能获取手机号，请用其他方式填写", "Not available in this version. Please use another way"]
};
var ENTRY = {
  number: ["手机号", "Phone number"],
  code: ["短信验证码", "Code from the message"],
  send: ["获取验证码", "Send code"],
  resend: ["重新获取", "Send again"],
  wait: ["{seconds} 秒后重发", "Again in {seconds} s"],
  sent: ["验证码已发送，请查看短信", "The code is on its way. Please see your messages"],
  use: ["用这个号码", "Use this number"]
};

// src/button.ts
var FRESH = 24e4;
var DEAD = 29e4;
var owner;
var code;
var taken = 0;
var asking;
var offline;
var using = 0;
var buttons = /* @__PURE__ */ new Set();
var take = () => {
  const found = code;
  code = void 0;
  return found;
};
var tell = () => buttons.forEach((show) => show());
var giveAway = () => {
  const found = take();
  tell();
  return found;
};
var now = () => Date.now();
var word = (options, key) => (WORDS[key] || WORDS[PLATFORM])[options.lang === "en" ? 1 : 0];
var PhoneButton = function(options) {
  const [platform, host] = find(options.platform);
  const alipay = platform === ALIPAY;
  const patience = () => options.timeout || 1e4;
  if (owner !== host) {
    owner = host;
    code = asking = void 0;
    using = 0;
    buttons.clear();
  }
  let timer;
  let busy = false;
  let last;
  let done;
  let pending;
  let from = 0;
  let wait = 0;
  let failure;
  const look = () => {
    const supported = !!supports(platform, host, options);
    const alive = !!code && now() - taken < DEAD;
    const lost = offline && !alive;
    const again = !busy && !!(pending || lost);
    const shown = !supported && refusal("unsupported", STOP) || failure || lost && refusal("network", RETRY_LATER) || {};
    return {
      supported,
      ready: supported && !busy && (again ? now() >= wait : alive && !using),
      busy,
      again,
      openType: supported && !again ? openType(platform, host, options) : "",
      scope: alipay ? "phoneNumber" : "",
      fallback: !!shown.fallback,
      label: word(options, busy ? "busy" : again ? "again" : "label"),
      text: busy || !shown.reason ? "" : shown.text || word(options, shown.reason),
      reason: shown.reason || ""
    };
  };
  const show = () => {
    const state = look();
    if (stringify(state) !== stringify(button.state)) {
      button.state = state;
      if (options.onState) options.onState(state);
    }
  };
  const login = () => {
    const at = now();
    if (!busy && at - from > FRESH) pending = null;
    if (timer && !asking && !using && !pending && button.state.supported && !(code && at - taken < FRESH)) {
      asking = logIn(platform, host, patience()).catch(() => "").then((found) => {
        if (found) {
          code = found;
          taken = at;
        }
        offline = !found;
        asking = void 0;
        tell();
      });
    }
    show();
    return Promise.resolve(asking);
  };
  const read = (detail) => {
    if (!alipay) return authorization(platform, options, detail);
    if (detail.trim || detail.response) return ofAlipay(detail.response || detail);
    const args = options.isvAppId ? { protocols: { isvAppId: options.isvAppId } } : {};
    return call(host, GET_PHONE_NUMBER, args, patience()).then((found) => ofAlipay(found.response), declined);
  };
  const bodyOf = (authorization2) => {
    const { policy, scene } = options;
    const consent = policy || scene ? { policy, scene } : void 0;
    return parse(stringify({ login_code: take(), authorization: authorization2, consent }));
  };
  const post = (body, tries) => {
    pending = body;
    return Promise.resolve(body).then(options.post || (() => send(alipay, host, options, "phone-number", body, patience()))).then((answer) => outcome(platform, answer)).catch((error) => refusal("network", RETRY_LATER, { message: declined(error).message })).then((found) => {
      const pause = found.retryAfter || tries;
      if (found.ok || !found.retry || tries > 2 || pause > 5) return found;
      return new Promise((ready) => setTimeout(ready, pause * 1e3)).then(() => post(body, tries + 1));
    });
  };
  const run = (act) => {
    if (!busy) {
      busy = true;
      using++;
      last = Promise.resolve().then(act).then((found) => found.reason ? found : post(found.authorization ? found : bodyOf(found), 1)).then((found) => {
        failure = !found.ok && found;
        if (failure) failure.text = failure.text || word(options, failure.reason);
        busy = false;
        using--;
        done = found.ok && now();
        wait = now() + (found.retryAfter || 0) * 1e3;
        if (!found.retry) pending = null;
        login();
        tell();
        const hear = found.ok ? options.onSuccess : options.onFail;
        if (hear) hear(found);
        return found;
      });
      tell();
    }
    return last;
  };
  const button = {
    platform,
    set(changed) {
      options = assign({}, options, changed);
      show();
    },
    start() {
      button.stop();
      timer = setInterval(login, 5e3);
      buttons.add(show);
      return login();
    },
    stop() {
      timer = clearInterval(timer);
      buttons.delete(show);
    },
    shown: login,
    // A double tap gives two events, at once or one after the other.
    received: (event) => now() - done < 1e3 ? last : run(() => {
      from = now();
      return read(detailOf(event));
    }),
    declined: (event) => run(() => declined(event)),
    again: () => busy || pending ? run(() => pending) : button.start(),
    ask: () => call(host, GET_PHONE_NUMBER, { isRealtime: options.realtime }, DEAD).then(button.received, button.declined)
  };
  button.state = look();
  return button;
};

// src/sms-code.ts
var SmsCode = class {
  constructor(options) {
    this.options = options;
    this.ticket = "";
    this.session = "";
    this.patience = () => this.options.timeout || 1e4;
  }
  /** Takes changed options; the others stay. */
  set(changed) {
    this.options = Object.assign({}, this.options, changed);
  }
  /** Sends a code. It uses the login of the page's button, or takes one: nothing is sealed under it. */
  send(phoneNumber) {
    return __async(this, null, function* () {
      const [platform, host] = find(this.options.platform);
      const login = this.session ? { session: this.session } : { login_code: giveAway() || (yield logIn(platform, host, this.patience()).catch(() => "")) };
      if (!this.session && !login.login_code) return this.worded(refusal("network", RETRY_LATER));
      const found = yield this.ask("send", Object.assign({ phone_number: phoneNumber }, login));
      if (!found.ok) this.session = "";
      if (!found.ok) return found;
      const { ticket, session, expires_in, resend_after } = found.answer;
      this.ticket = ticket;
      this.session = session || this.session;
      return { ok: true, expiresIn: expires_in, resendAfter: resend_after };
    });
  }
  /** Turns the code into the number. The outcome is that of the button. */
  check(code2) {
    const { policy, scene } = this.options;
    const consent = policy || scene ? { policy, scene } : void 0;
    return this.ask("check", { ticket: this.ticket, session: this.session, sms_code: code2, consent });
  }
  worded(found) {
    const words = WORDS;
    if (!found.ok) found.text = found.text || words[found.reason][this.options.lang === "en" ? 1 : 0];
    return found;
  }
  ask(route, body) {
    return __async(this, null, function* () {
      const [platform, host] = find(this.options.platform);
      const post = this.options.post || ((name, sent) => send(platform === ALIPAY, host, this.options, "sms/" + name, sent, this.patience()));
      try {
        return this.worded(outcome(platform, yield post(route, JSON.parse(JSON.stringify(body)))));
      } catch (error) {
        return this.worded(refusal("network", RETRY_LATER, { message: declined(error).message }));
      }
    });
  }
};

// src/entry.ts
var NUMBER = /^(1\d{10}|\+\d{7,15}|[02-9]\d{5,14})$/;
var PhoneEntry = class {
  constructor(options) {
    this.options = options;
    this.number = "";
    this.code = "";
    this.sent = false;
    this.busy = false;
    this.failed = false;
    this.text = "";
    /** When another code may be asked for. */
    this.until = 0;
    this.way = new SmsCode(this.ofSms());
    this.state = this.look();
  }
  /** Takes changed options; the others stay. */
  set(changed) {
    this.options = Object.assign({}, this.options, changed);
    this.way.set(this.ofSms());
    this.show();
  }
  /** Call it when the fields disappear. */
  stop() {
    clearInterval(this.timer);
    this.options = Object.assign({}, this.options, { onState: void 0 });
  }
  /** Call it with the event of the field for the number. */
  typeNumber(event) {
    this.number = typed(event);
    this.sent = this.failed = false;
    this.until = 0;
    this.code = this.text = "";
    this.show();
  }
  /** Call it with the event of the field for the code. */
  typeCode(event) {
    this.code = typed(event);
    this.show();
  }
  /** Sends a code. Call it from a tap. */
  send() {
    return __async(this, null, function* () {
      if (!this.state.canSend) return;
      const found = yield this.during(this.way.send(this.number));
      if (found.ok) {
        this.sent = true;
        this.tell(this.word("sent"), found.resendAfter);
      } else {
        this.refused(found);
      }
    });
  }
  /** Uses the number. Call it from a tap. */
  use() {
    return __async(this, null, function* () {
      const { onSuccess, onTyped } = this.options;
      if (!this.state.canUse) return;
      if (!this.state.sms) {
        if (onTyped) onTyped({ phoneNumber: this.number });
        return;
      }
      const found = yield this.during(this.way.check(this.code));
      if (!found.ok) return this.refused(found);
      this.tell("", 0);
      if (onSuccess) onSuccess(found);
    });
  }
  ofSms() {
    const { post } = this.options;
    return Object.assign({}, this.options, {
      post: post && ((route, body) => post(body, "sms/" + route))
    });
  }
  word(key) {
    return ENTRY[key][this.options.lang === "en" ? 1 : 0];
  }
  look() {
    const { sent, busy, failed, text } = this;
    const sms = !!this.options.sms && !!find(this.options.platform)[1];
    const left = Math.ceil((this.until - Date.now()) / 1e3);
    const good = NUMBER.test(this.number);
    return {
      sms,
      sent: sms && sent,
      busy,
      canSend: sms && good && !busy && left <= 0,
      canUse: good && !busy && (!sms || sent && /^\d{4,8}$/.test(this.code)),
      failed,
      text,
      number: this.word("number"),
      code: this.word("code"),
      send: left > 0 ? this.word("wait").replace("{seconds}", String(left)) : this.word(sent ? "resend" : "send"),
      use: this.word("use")
    };
  }
  show() {
    const state = this.look();
    clearInterval(this.timer);
    if (this.until > Date.now() && this.options.onState) this.timer = setInterval(() => this.show(), 1e3);
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    this.state = state;
    if (this.options.onState) this.options.onState(state);
  }
  during(asked) {
    return __async(this, null, function* () {
      this.busy = true;
      this.failed = false;
      this.text = "";
      this.show();
      const found = yield asked;
      this.busy = false;
      return found;
    });
  }
  tell(text, seconds) {
    this.text = text;
    this.until = Date.now() + seconds * 1e3;
    this.show();
  }
  refused(failure) {
    this.failed = true;
    this.tell(failure.text, Math.max(failure.retryAfter || 0, (this.until - Date.now()) / 1e3));
    if (this.options.onFail) this.options.onFail(failure);
  }
};
var typed = (event) => String((event && event.trim ? event : detailOf(event).value) || "").replace(/[\s-]/g, "");

},
"haoma-phone-button/index": function (require, module, exports, wx, App, Page, Component, Behavior, getApp, getCurrentPages, global) {
/** @type {typeof import('haoma-core') & typeof import('haoma-core/sms')} */
const { PhoneButton, PhoneEntry } = require('./core')

const OPTIONS = [
  'app', 'server', 'post', 'publishableKey', 'policy', 'scene', 'realtime', 'agreePrivacy', 'acceptEncryptedData', 'sms', 'lang',
  'timeout',
]

Component({
  options: { multipleSlots: true },
  externalClasses: ['button-class', 'consent-class', 'text-class', 'entry-class'],

  properties: {
    app: String,
    server: String,
    post: null, // a function (body) => Promise of {status, body}
    publishableKey: String,
    consent: String,
    policy: String,
    scene: String,
    isvAppId: String, // of Alipay; here so that pages can be alike
    realtime: Boolean,
    agreePrivacy: Boolean,
    acceptEncryptedData: Boolean,
    sms: Boolean, // the app has the way by text message
    disabled: Boolean,
    loading: Boolean,
    lang: { type: String, value: 'zh' },
    timeout: { type: Number, value: 10000 },
  },

  data: { state: {}, entry: {} },

  observers: {
    [OPTIONS.join()]() {
      if (!this.button) return
      this.button.set(this.options())
      this.entry.set(this.options())
    },
  },

  lifetimes: {
    attached() {
      this.button = new PhoneButton(
        Object.assign(this.options(), {
          platform: 'wechat',
          onState: (state) => this.button && this.setData({ state }),
          onSuccess: (success) => this.triggerEvent('success', success),
          onFail: (failure) => this.triggerEvent('fail', failure),
        }),
      )
      this.entry = new PhoneEntry(
        Object.assign(this.options(), {
          platform: 'wechat',
          onState: (entry) => this.setData({ entry }),
          onSuccess: (success) => this.triggerEvent('success', success),
          onFail: (failure) => this.triggerEvent('fail', failure),
          onTyped: (typed) => this.triggerEvent('typed', typed),
        }),
      )
      this.setData({ state: this.button.state, entry: this.entry.state })
      this.button.start()
    },
    detached() {
      this.button.stop()
      this.entry.stop()
      this.button = /** @type {any} */ (null) // an answer may still come
    },
  },

  pageLifetimes: {
    show() {
      if (this.button) this.button.shown()
    },
  },

  methods: {
    /** @returns {Omit<import('haoma-core').Options, 'onState'>} */
    options() {
      const options = {}
      for (const name of OPTIONS) options[name] = this.data[name]
      return options
    },
    received(event) {
      this.button.received(event)
    },
    again() {
      this.button.again()
    },
    agreed(event) {
      this.triggerEvent('agree', event.detail)
    },
    typeNumber(event) {
      this.entry.typeNumber(event)
    },
    typeCode(event) {
      this.entry.typeCode(event)
    },
    send() {
      this.entry.send()
    },
    use() {
      this.entry.use()
    },
  },
})

},
"pages/order/order": function (require, module, exports, wx, App, Page, Component, Behavior, getApp, getCurrentPages, global) {
// A shop that needs a number for an order. What it says, and to whom it sends, comes from the simulator's page.
const host = typeof my === 'undefined' ? wx : my
const given = host.getExtConfigSync()

Page({
  data: Object.assign({ number: null, typed: false, writing: false, words: {} }, given.extConfig || given),

  success(event) {
    const masked = (event.detail || event).answer.masked
    const [head, dots, tail] = masked.split(/(\*+)/)
    this.setData({ number: { head, dots: Array.from(dots, (_, n) => n), tail } })
  },

  hand() {
    this.setData({ writing: true })
  },

  write(event) {
    this.written = event.detail.value
  },

  use() {
    if (this.written) this.setData({ typed: true })
  },
})

}
}
}

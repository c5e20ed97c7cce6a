export const a = (((
function b( { return wx.login({

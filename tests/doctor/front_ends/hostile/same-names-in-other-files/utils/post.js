export function submit(data) {
  return new Promise((ok) => wx.request({ url: 'https://api.example.com/phone', method: 'POST', data, success: ok }))
}

var host = 'https://api.example.com';
function ajax(url, data, callback) {
  wx.request({
    url: host + url,
    data: data,
    method: 'post',
    header: { 'content-type': 'application/json' },
    success: function (res) {
      callback && callback(res.data);
    }
  });
}
module.exports = { ajax: ajax };

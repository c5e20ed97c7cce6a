Page({
  onSuccess(response) {
    my.request({ url: 'https://api.example.com/phone', method: 'POST', data: { response } });
  },
  onFail(err) {
    console.warn(err);
  },
});

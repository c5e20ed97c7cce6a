Page({
  onPhone() {
    my.getPhoneNumber({
      success: (res) => {
        const data = JSON.parse(res.response);
        if (data.response && data.response.code) return my.alert({ content: data.response.subMsg });
        my.request({ url: 'https://api.example.com/phone', method: 'POST', data });
      },
    });
  },
});

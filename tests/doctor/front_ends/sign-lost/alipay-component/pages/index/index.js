Page({
  login({ cipher }) {
    my.request({ url: 'https://api.example.com/phone', method: 'POST', data: JSON.stringify({ cipher }), headers: { 'content-type': 'application/json' } });
  },
});

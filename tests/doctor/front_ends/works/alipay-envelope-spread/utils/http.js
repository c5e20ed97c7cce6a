const post = (path, data) => my.request({ url: 'https://api.example.com' + path, method: 'POST', data });

module.exports = { post };

App({ globalData: { isvAppId: '2021000000000001', host: 'https://api.example.com' } });

App({ serverUrl: 'https://api.example.com', globalData: { memberId: '' } });

const cloud = require('wx-server-sdk')
cloud.init()
exports.main = async (event) => (await cloud.getOpenData({ list: [event.cloudID] })).list[0].data

const express = require('express')
const app = express()

app.post('/login', async (req, res) => {
  const url = `https://api.weixin.qq.com/sns/jscode2session?appid=${process.env.APPID}&secret=${process.env.SECRET}&js_code=${req.body.code}&grant_type=authorization_code`
  const { openid, session_key } = await (await fetch(url)).json()
  sessions.set(openid, session_key)
  res.json({ sid: openid })
})

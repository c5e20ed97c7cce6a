import { configureStore, createSlice, createAsyncThunk } from '@reduxjs/toolkit'
import Taro from '@tarojs/taro'

const post = async (path, data) => (await Taro.request({ url: `https://api.example.com${path}`, method: 'POST', data })).data

export const fetchPhone = createAsyncThunk('user/phone', async (code: string) => {
  const { phoneNumber } = await post('/phone', { code })
  return phoneNumber
})
export const bind = createAsyncThunk('user/bind', async (_, { getState }) => {
  const { user } = getState() as any
  return post('/user/bind', { phone: user.phone, openid: user.openid })
})

const user = createSlice({
  name: 'user',
  initialState: { phone: '', openid: '' },
  reducers: {},
  extraReducers: (builder) => {
    builder.addCase(fetchPhone.fulfilled, (state, action) => {
      state.phone = action.payload
    })
  },
})
export default configureStore({ reducer: { user: user.reducer } })

import { createAsyncThunk, createSlice } from '@reduxjs/toolkit'
import Taro from '@tarojs/taro'

export const loginByPhone = createAsyncThunk('user/phone', async (code: string) => {
  const { data } = await Taro.request({ url: 'https://api.example.com/phone', method: 'POST', data: { code } })
  return data as { token: string; masked: string }
})

const slice = createSlice({
  name: 'user',
  initialState: { token: '', masked: '' },
  reducers: {},
  extraReducers: (builder) => {
    builder.addCase(loginByPhone.fulfilled, (state, { payload }) => {
      state.token = payload.token
      state.masked = payload.masked
    })
  },
})

export default slice.reducer

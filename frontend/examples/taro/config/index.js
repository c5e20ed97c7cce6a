// FRAMEWORK=react or vue3 chooses which of the two pages is built. A project of your own has only one of them.
const framework = process.env.FRAMEWORK

module.exports = {
  projectName: 'haoma-example-taro',
  date: '2026-12-01',
  framework,
  compiler: { type: 'webpack5', prebundle: { enable: false } },
  cache: { enable: false },
  designWidth: 375,
  deviceRatio: { 375: 2 },
  sourceRoot: framework === 'vue3' ? 'src/vue' : 'src/react',
  outputRoot: `dist/${framework}/${process.env.TARO_ENV}`,
  plugins: [
    framework === 'vue3' ? '@tarojs/plugin-framework-vue3' : '@tarojs/plugin-framework-react',
    ...['alipay', 'h5', 'jd', 'qq', 'swan', 'tt', 'weapp'].map((name) => `@tarojs/plugin-platform-${name}`),
  ],
  mini: {},
  h5: { publicPath: './', router: { mode: 'hash' } },
}

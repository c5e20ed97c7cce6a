export default defineAppConfig({
  pages: ['pages/index/index', 'pages/member/index'],
  window: { navigationBarTitleText: '一间小店', navigationBarBackgroundColor: '#ffffff', navigationBarTextStyle: 'black' },
})

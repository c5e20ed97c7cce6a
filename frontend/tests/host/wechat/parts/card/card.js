Component({
  properties: { label: String },
  data: { shown: '' },
  lifetimes: {
    attached() { this.setData({ shown: 'attached' }) },
    ready() { this.setData({ shown: `${this.data.shown}, ready` }) },
  },
  methods: { pick() { this.triggerEvent('pick', { value: 7 }) } },
})

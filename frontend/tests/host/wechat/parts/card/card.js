Component({
  properties: { label: String },
  data: { shown: '' },
  lifetimes: { attached() { this.setData({ shown: 'attached' }) } },
  methods: { pick() { this.triggerEvent('pick', { value: 7 }) } },
})

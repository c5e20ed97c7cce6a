Component({
  props: { label: '' },
  data: { shown: '', answer: '' },
  didMount() { this.setData({ shown: `mounted ${this.props.label}` }) },
  didUpdate(before) {
    if (before.label !== this.props.label) this.setData({ shown: `${before.label} became ${this.props.label}` })
  },
  methods: {
    async pick() {
      if (!this.props.onPick) { this.setData({ answer: 'nobody listens' }); return }
      const { status, body } = await this.props.onPost({ a: 1 })
      this.setData({ answer: `${status} ${JSON.stringify(body)}` })
      this.props.onPick(9)
    },
  },
})

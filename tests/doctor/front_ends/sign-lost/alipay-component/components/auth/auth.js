Component({
  props: { onPhone: () => {} },
  methods: {
    onGet() {
      my.getPhoneNumber({
        success: ({ response }) => {
          const { response: cipher } = JSON.parse(response);
          this.props.onPhone({ cipher });
        },
      });
    },
  },
});

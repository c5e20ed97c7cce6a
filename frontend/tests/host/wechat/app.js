App({ onLaunch(options) { this.launched = options.path } })

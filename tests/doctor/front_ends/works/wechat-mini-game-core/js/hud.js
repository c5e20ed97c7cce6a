export default class Hud {
  constructor() {
    this.box = { x: 20, y: 400, width: 280, height: 60 }
  }

  hitsBind(x, y) {
    const { box } = this
    return x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height
  }

  show(text) {
    const context = canvas.getContext('2d')
    context.fillText(text, this.box.x, this.box.y)
  }
}

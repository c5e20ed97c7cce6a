type Constructor = new () => object

export function definePage(Target: Constructor) {
  const instance: Record<string, unknown> = {}
  const proto = Target.prototype
  Object.getOwnPropertyNames(proto).forEach((key) => {
    if (key !== 'constructor') instance[key] = proto[key]
  })
  Page(Object.assign(new Target(), instance))
}

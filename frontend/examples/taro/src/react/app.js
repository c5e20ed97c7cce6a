import '../shop/shop.css'

export default function App({ children }) {
  return children
}

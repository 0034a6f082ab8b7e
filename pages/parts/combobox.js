// A search field with suggestions, after the ARIA pattern of an editable combobox. Texts get in by textContent alone.
const PAUSE = 120 // milliseconds without typing after which suggestions are asked for

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const form = parentElement.querySelector("form")
  const input = form.querySelector("input")
  const list = form.querySelector("[role=listbox]")
  const clear = form.querySelector("button[type=button]")
  input.placeholder = data.placeholder
  input.setAttribute("aria-label", data.label)
  if (form.asked !== data.query) {
    form.asked = input.value = data.query
    form.open = false
  }

  const ask = text => {
    clearTimeout(form.timer)
    form.open = false
    form.asked = input.value = text
    draw()
    setTriggerValue("asked", text.trim() || " ")
  }
  const choose = at => {
    form.at = at
    list.querySelectorAll("[role=option]").forEach((option, n) => option.setAttribute("aria-selected", n === at))
    if (at < 0) input.removeAttribute("aria-activedescendant")
    else input.setAttribute("aria-activedescendant", `sw-option-${at}`)
  }
  const draw = () => {
    // Suggestions for an earlier text come late while somebody goes on typing.
    const options = form.open && data.typed === input.value ? data.options : []
    list.replaceChildren(...options.map((one, n) => {
      const option = document.createElement("li")
      const source = document.createElement("small")
      option.id = `sw-option-${n}`
      option.setAttribute("role", "option")
      option.append(document.createElement("span"), source)
      option.firstChild.textContent = one.text
      source.textContent = one.source
      option.onmousedown = event => event.preventDefault() // keeps the focus in the field
      option.onclick = () => ask(one.text)
      return option
    }))
    list.hidden = !options.length
    clear.hidden = !input.value
    input.setAttribute("aria-expanded", String(options.length > 0))
    choose(-1)
  }

  input.oninput = () => {
    form.open = true
    draw()
    clearTimeout(form.timer)
    form.timer = setTimeout(() => setStateValue("typed", input.value), PAUSE)
  }
  input.onkeydown = event => {
    const count = list.children.length
    if (event.key === "Escape" && count) {
      form.open = false
      draw()
    } else if (count && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const step = event.key === "ArrowDown" ? 1 : -1
      choose(((form.at + 1 + step + count + 1) % (count + 1)) - 1) // -1, the field itself, is one of the places
    } else return
    event.preventDefault()
  }
  input.onblur = () => {
    form.open = false
    draw()
  }
  form.onsubmit = event => {
    event.preventDefault()
    ask(form.at >= 0 ? list.children[form.at].firstChild.textContent : input.value)
  }
  clear.onclick = () => {
    ask("")
    input.focus()
  }
  draw()
}

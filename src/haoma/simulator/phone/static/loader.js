// A developer's own mini program: a folder that the browser reads, run in a sandboxed frame. Nothing is uploaded.
import { h, icon, say } from './dom.js';

export class Loader {
  /** @param changed Called when a folder was loaded or taken away. */
  constructor(changed) {
    this.changed = changed;
    this.picked = undefined;
    this.fault = '';
  }

  /** The field in which a folder is chosen. */
  field() {
    const files = h('input', { type: 'file', id: 'folder', class: 'sr', tabindex: '-1', 'aria-label': say('folder.load'), multiple: true, webkitdirectory: true });
    files.addEventListener('change', () => files.files.length && this.#load(files.files));
    const load = h('button', { class: 'btn', type: 'button', id: 'load', onclick: () => files.click() }, icon('folder'), h('span', {}, say('folder.load')));
    const back = h('button', { class: 'btn', type: 'button', id: 'load', onclick: () => { this.picked = undefined; this.fault = ''; this.changed(); } }, say('folder.close'));
    return [
      h('span', { class: 'label' }, say('folder.name')),
      h('span', {}, this.picked ? say('folder.loaded', { name: this.picked.name, count: Object.keys(this.picked.files).length }) : say('folder.sample')),
      h('span', {}, this.picked ? back : load, files),
      this.fault ? h('span', { class: 'bad', role: 'alert' }, icon('no'), this.fault) : h('span', { class: 'hint' }, say('folder.hint')),
    ];
  }

  async #load(files) {
    const { pick, Unfit } = await import('./host/host.js');
    try {
      this.picked = await pick(files);
      this.fault = '';
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      this.picked = undefined;
      this.fault = say(`folder.${error.fault}`, { names: error.paths.slice(0, 3).join(', ') });
    }
    this.changed();
  }

  /** Runs what was picked on the screen. */
  async open(shown, acts, signal) {
    const { open } = await import('./host/host.js');
    const failed = (text) => {
      if (signal.aborted) return;
      this.fault = say('folder.broken', { why: text.split('\n')[0].slice(0, 200) });
      document.getElementById('load').closest('.field').replaceChildren(...this.field());
    };
    const opened = await open(shown.place, this.picked, { sheet: acts.sheet, api: acts, label: this.picked.name, onTitle: shown.title, onError: failed });
    signal.addEventListener('abort', () => opened.destroy());
    if (signal.aborted) opened.destroy();
  }
}

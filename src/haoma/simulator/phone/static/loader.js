// A developer's own mini program: a folder that the browser reads, run in a sandboxed frame. Nothing is uploaded.
import { h, icon, say } from './dom.js';

export class Loader {
  /** @param changed Called when a folder was loaded or taken away. */
  constructor(changed) {
    this.changed = changed;
    this.picked = undefined;
    this.fault = '';
  }

  /** The cell among the platforms that loads a folder. */
  cell() {
    const files = h('input', { type: 'file', id: 'folder', class: 'sr', tabindex: '-1', 'aria-hidden': 'true', multiple: true, webkitdirectory: true });
    files.addEventListener('change', () => files.files.length && this.#load(files.files));
    return [h('button', { type: 'button', id: 'load', 'aria-describedby': 'folder-note', onclick: () => files.click() }, icon('folder'), h('span', {}, say('folder.load'))), files];
  }

  /** What is to be said about the folder; `target` says where what it sends will go. */
  note(target) {
    if (this.fault) return h('span', { class: 'bad', role: 'alert', id: 'folder-note' }, icon('no'), this.fault);
    if (!this.picked) return h('span', { class: 'sr', id: 'folder-note' }, say('folder.hint'));
    const back = () => { this.picked = undefined; this.changed(); };
    return h('span', { class: 'hint', id: 'folder-note' },
      h('b', {}, say('folder.loaded', { name: this.picked.name, count: Object.keys(this.picked.files).length })), ' ', target, ' ',
      h('button', { type: 'button', class: 'link', id: 'back', onclick: back }, say('folder.close')));
  }

  async #load(files) {
    const { pick, Unfit } = await import('./host/host.js');
    try {
      this.fault = '';
      this.picked = await pick(files);
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
      document.getElementById('folder-note').replaceWith(this.note(''));
    };
    const opened = await open(shown.place, this.picked, { sheet: acts.sheet, api: acts, label: this.picked.name, onTitle: shown.title, onError: failed });
    signal.addEventListener('abort', () => opened.destroy());
    if (signal.aborted) opened.destroy();
  }
}

import type { TextJudge } from './text-field.ts';
import { applies, type JudgedNode } from './validator.ts';

/** Labels are longer than Node-RED's 100 px in every language that we speak. */
const style = `
  .earmark-form { --earmark-label: 150px; --earmark-field: calc(100% - var(--earmark-label) - 6px); }
  .earmark-form .form-row > label:first-child { width: var(--earmark-label); }
  .earmark-form .form-row > input[type=text], .earmark-form .form-row > input[type=password],
  .earmark-form .form-row > select { width: var(--earmark-field); }
  /* A choice of config nodes; Node-RED writes its width into the element. */
  .earmark-form .form-row > label + div[style*="70%"] { width: var(--earmark-field) !important; }
  .earmark-form .form-row > input.earmark-number { width: 100px; }
  .earmark-form { --earmark-typed-number: min(150px, var(--earmark-field)); }
  .earmark-form .form-row > .red-ui-typedInput-container { vertical-align: middle; }
  .earmark-form .form-row > .earmark-unit { margin-left: 6px; color: var(--red-ui-secondary-text-color); }
  /* What a test button answers. */
  .earmark-form .form-row > .earmark-unit[role=status]:not(:empty) { display: block; margin: 6px 0 0 calc(var(--earmark-label) + 4px); }
  .earmark-form .form-row > input[type=checkbox] { width: auto; margin: 4px 6px 0 calc(var(--earmark-label) + 4px); vertical-align: top; }
  .earmark-form .form-row > input[type=checkbox] + label { width: auto; max-width: calc(var(--earmark-field) - 30px); vertical-align: top; }
  .earmark-form .form-tips { margin-bottom: 12px; }
  .earmark-form details { margin-top: 4px; }
  .earmark-form summary { cursor: pointer; margin-bottom: 10px; color: var(--red-ui-secondary-text-color); }
  .earmark-form .earmark-meter { display: inline-block; width: calc(var(--earmark-field) - 60px); height: 10px; border-radius: 5px;
    box-sizing: border-box; border: 1px solid var(--red-ui-form-input-border-color, #999); background: var(--red-ui-secondary-background);
    overflow: hidden; vertical-align: middle; }
  .earmark-form .earmark-meter > span { display: block; height: 100%; width: 0; background: var(--red-ui-node-status-colors-green, #5a8); }
`;

/**
 * Makes the open dialog ours and shows only the rows that matter: a row with `data-when="source=file,url"`
 * is shown while the field `source` holds one of these values.
 */
export function prepareForm(prefix: 'node-input' | 'node-config-input'): void {
  if (!document.getElementById('earmark-form-style')) {
    $('<style id="earmark-form-style">').text(style).appendTo('head');
  }
  const anchor = $(`#${prefix}-name`);
  const form = anchor.closest('form');
  form.addClass('earmark-form');
  const rows = form.find('[data-when]');
  const update = () => {
    rows.each((_index, row) => {
      const read = (name: string) => $(`#${prefix}-${name}`).val();
      $(row).toggle(applies($(row).attr('data-when'), read));
    });
  };
  const names = new Set(rows.toArray().map((row) => ($(row).attr('data-when') as string).split('=')[0]));
  for (const name of names) $(`#${prefix}-${name}`).on('change', update);
  update();
}

/** Where a typed field may take its value from. */
type Elsewhere = 'msg' | 'flow' | 'global' | 'env' | 'jsonata';

/** What the editor shows while the mouse is over a wrong field; its type declarations do not know it. */
interface Tooltip {
  delete(): void;
}

const icons = { str: 'az', num: '09' };

/**
 * A field whose value may come from the message, the context, the environment or an expression. What is entered in it
 * is a text, or a number. `judge` is that of the field's validator; the dialog needs it too.
 */
export function typedField(
  node: JudgedNode,
  name: string,
  judge: TextJudge = () => true,
  entered: keyof typeof icons = 'str',
  elsewhere: readonly Elsewhere[] = ['msg', 'flow', 'global', 'env', 'jsonata'],
): void {
  const field = $(`#node-input-${name}`);
  const text = {
    value: entered,
    label: RED._(`typedInput.type.${entered}`),
    icon: `red/images/typedInput/${icons[entered]}.svg`,
    validate: (value: string) => judge(value, node),
  };
  // Node-RED has judged it already, and says what is wrong with it where the typed input hides it.
  (field.data('tooltip') as Tooltip | null | undefined)?.delete();
  field.removeData('tooltip');
  field.typedInput({ types: [text, ...elsewhere] as never, typeField: `#node-input-${name}Type` });
  // Node-RED puts a field and buttons of its own into the row, without names for screen readers.
  const row = field.closest('.form-row');
  // A number is short and has a unit; where to take one from is long and has none.
  const size = () => {
    const isNumber = field.typedInput('type') === 'num';
    field.typedInput('width', isNumber ? 'var(--earmark-typed-number)' : 'var(--earmark-field)');
    row.children('.earmark-unit').toggle(isNumber);
  };
  field.on('typedinputtypechange', size);
  size();
  const labelId = `earmark-label-${name}`;
  row.children('label').attr('id', labelId);
  row.find('.red-ui-typedInput-input, .red-ui-typedInput-option-expand').attr('aria-labelledby', labelId);
}

/** A value that a field may take, and its name for people where it has another. */
export interface Suggestion {
  value: string;
  label?: string;
}

/**
 * Offers the values that `route` lists, instead of those before, while any other may be typed. It stays quiet when the
 * list cannot be had.
 */
export function suggest(field: string, route?: string): void {
  const listId = `${field}-suggestions`;
  const list = $('<datalist>').attr('id', listId);
  $(`#${listId}`).remove();
  const element = $(`#${field}`);
  element.closest('.form-row').append(list);
  // What is typed in a typed field is typed in one beside it; its values from elsewhere are none of these.
  const typed = element.data('noderedTypedInput') ? element.closest('.form-row') : undefined;
  const shown = typed?.find('.red-ui-typedInput-input') ?? element;
  const offer = () => {
    const entered = typed === undefined || element.typedInput('type') === 'str';
    shown.attr('list', entered ? listId : null);
  };
  element.off(`typedinputtypechange.${listId}`).on(`typedinputtypechange.${listId}`, offer);
  offer();
  if (route === undefined) return;
  // An answer that comes too late finds its list gone from the page.
  $.getJSON(route).done((suggestions: Suggestion[]) => {
    for (const { value, label } of suggestions) {
      $('<option>')
        .attr({ value, ...(label && { label }) })
        .appendTo(list);
    }
  });
}

/** Where a button's question is answered. What is said to one that is overtaken by the next is not shown. */
export function answerPlace(place: JQuery): () => (said: string) => void {
  let asked = 0;
  return () => {
    const question = ++asked;
    return (said) => {
      if (question === asked) place.text(said);
    };
  };
}

/** The text of a question that the server did not take. */
export function failureText(status: number): string {
  if (status === 400) return 'test.invalid';
  return status === 401 || status === 403 ? 'test.not-allowed' : 'test.failed';
}

/** The server ends each of its tests sooner. */
const deadline = 30_000;

/** Asks the server to do something; the login comes with the page. */
export function postJson<T>(route: string, body: object): JQuery.jqXHR<T> {
  const data = JSON.stringify(body);
  return $.ajax({ url: route, method: 'POST', contentType: 'application/json', data, timeout: deadline });
}

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
  .earmark-form .form-row > .earmark-unit { margin-left: 6px; color: var(--red-ui-secondary-text-color); }
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

const valueTypes = ['str', 'msg', 'flow', 'global', 'env', 'jsonata'];

/**
 * A field whose value may come from the message, the context, the environment or an expression. `judge` is that of the
 * field's validator; the dialog needs it too.
 */
export function typedField(node: JudgedNode, name: string, judge: TextJudge = () => true): void {
  const field = $(`#node-input-${name}`);
  const text = {
    value: 'str',
    label: RED._('typedInput.type.str'),
    icon: 'red/images/typedInput/az.svg',
    validate: (value: string) => judge(value, node),
  };
  const types = valueTypes.map((type) => (type === 'str' ? text : type));
  field.typedInput({ types: types as never, typeField: `#node-input-${name}Type` });
  field.typedInput('width', 'var(--earmark-field)');
  // Node-RED puts a field and buttons of its own into the row, without names for screen readers.
  const row = field.closest('.form-row');
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
  $(`#${field}`).attr('list', listId).after(list);
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

/** Asks the server to do something; the login comes with the page. */
export function postJson<T>(route: string, body: object): JQuery.jqXHR<T> {
  return $.ajax({ url: route, method: 'POST', contentType: 'application/json', data: JSON.stringify(body) });
}

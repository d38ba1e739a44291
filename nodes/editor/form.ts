/** Labels are longer than Node-RED's 100 px in every language that we speak. */
const style = `
  .earmark-form .form-row > label:first-child { width: 130px; }
  .earmark-form .form-row > input[type=text], .earmark-form .form-row > input[type=password],
  .earmark-form .form-row > select { width: calc(100% - 136px); }
  /* A choice of config nodes; Node-RED writes its width into the element. */
  .earmark-form .form-row > label + div[style*="70%"] { width: calc(100% - 136px) !important; }
  .earmark-form .form-row > input.earmark-number { width: 80px; }
  .earmark-form .form-row > .earmark-unit { margin-left: 6px; color: var(--red-ui-secondary-text-color); }
  .earmark-form .form-row > input[type=checkbox] { width: auto; margin: 4px 6px 0 134px; vertical-align: top; }
  .earmark-form .form-row > input[type=checkbox] + label { width: auto; max-width: calc(100% - 166px); vertical-align: top; }
  .earmark-form .form-tips { margin-bottom: 12px; }
  .earmark-form details { margin-top: 4px; }
  .earmark-form summary { cursor: pointer; margin-bottom: 10px; color: var(--red-ui-secondary-text-color); }
  .earmark-form .earmark-meter { display: inline-block; width: calc(100% - 136px); height: 10px; border-radius: 5px;
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
      const [name, values] = ($(row).attr('data-when') as string).split('=') as [string, string];
      const field = $(`#${prefix}-${name}`);
      const current = field.is(':checkbox') ? String(field.prop('checked')) : String(field.val());
      $(row).toggle(values.split(',').includes(current));
    });
  };
  const names = new Set(rows.toArray().map((row) => ($(row).attr('data-when') as string).split('=')[0]));
  for (const name of names) $(`#${prefix}-${name}`).on('change', update);
  update();
}

/** A field whose value may come from the message, the context, the environment or an expression. */
export function typedField(name: string, types: string[]): void {
  const field = $(`#node-input-${name}`);
  field.typedInput({ types: types as never, typeField: `#node-input-${name}Type` });
  field.typedInput('width', 'calc(100% - 136px)');
  // Node-RED puts a field and buttons of its own into the row, without names for screen readers.
  const row = field.closest('.form-row');
  const labelId = `earmark-label-${name}`;
  row.children('label').attr('id', labelId);
  row.find('.red-ui-typedInput-input, .red-ui-typedInput-option-expand').attr('aria-labelledby', labelId);
}

/** Offers known values while any other may be typed; it stays quiet when the list cannot be had. */
export function suggest(field: string, route: string, pick: (answer: unknown) => string[]): void {
  const listId = `${field}-suggestions`;
  $(`#${field}`).attr('list', listId).after($('<datalist>').attr('id', listId));
  $.getJSON(route)
    .done((answer) => {
      for (const value of pick(answer)) $('<option>').attr('value', value).appendTo(`#${listId}`);
    })
    .fail(() => undefined);
}

/** Asks the server to do something; the login comes with the page. */
export function postJson<T>(route: string, body: object): JQuery.jqXHR<T> {
  return $.ajax({ url: route, method: 'POST', contentType: 'application/json', data: JSON.stringify(body) });
}

/** The node that a validator judges, as it is saved. */
export interface JudgedNode {
  /** A text in the user's language. */
  _(key: string, values?: object): string;
}

/** Node-RED shows the returned text beside the red triangle; the type declarations know booleans only. */
export type Validator = (this: JudgedNode, value: string) => boolean;

/** A validator that says in a sentence what a field wants. */
export function validator(judge: (value: unknown, node: JudgedNode) => true | string): Validator {
  // Node-RED takes a text for an answer only from a function with two parameters.
  const validate = function (this: JudgedNode, value: unknown, _options: object): true | string {
    return judge(value, this);
  };
  return validate as unknown as Validator;
}

/** A property's field while the node's dialog is open. */
export function openField(node: JudgedNode, name: string): JQuery | undefined {
  const { getEditStack } = RED.editor as unknown as { getEditStack(): object[] };
  if (!getEditStack().includes(node)) return undefined;
  const { category } = (node as unknown as { _def: { category: string } })._def;
  const prefix = category === 'config' ? 'node-config-input' : 'node-input';
  const field = $(`#${prefix}-${name}`);
  return field.length > 0 ? field : undefined;
}

/** What stands in the open dialog, otherwise what is saved. */
export function currentValue(node: JudgedNode, name: string): unknown {
  return openField(node, name)?.val() ?? (node as unknown as Record<string, unknown>)[name];
}

/** Whether a field has a meaning, in the words of its row's `data-when`: `source=file,url`. */
export function applies(when: string | undefined, read: (name: string) => unknown): boolean {
  if (when === undefined) return true;
  const [name, values] = when.split('=') as [string, string];
  return values.split(',').includes(String(read(name)));
}

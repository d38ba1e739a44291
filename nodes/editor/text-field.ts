import { applies, currentValue, type JudgedNode, openField, type Validator, validator } from './validator.ts';

/** Says what is wrong with a text, in the user's language. */
export type TextJudge = (text: string, node: JudgedNode) => true | string;

export const notEmpty: TextJudge = (text, node) => text.trim() !== '' || node._('invalid.empty');

/** An address of one of these schemes; of environment variables only Node-RED knows what they hold. */
export function addressOf(...schemes: string[]): TextJudge {
  const beginnings = schemes.map((scheme) => `${scheme}://`);
  return (text, node) => {
    if (/^\$\{\w+\}/.test(text)) return true;
    const begins = beginnings.some((beginning) => text.toLowerCase().startsWith(beginning));
    if (begins && URL.canParse(text)) return true;
    return node._('invalid.address', { beginnings: beginnings.join(', ') });
  };
}

/** A validator for a field that holds a text; `when` is that of its row's `data-when`. */
export function textField(judge: TextJudge, when?: string): Validator {
  return validator(
    (value, node) => !applies(when, (name) => currentValue(node, name)) || judge(String(value ?? ''), node),
  );
}

/** What Node-RED's typed input and editor can do, and their type declarations do not know. */
interface TypedInput {
  validate(options: { returnErrorMessage: true }): true | string;
}
interface EditorUtils {
  validateTypedProperty(value: unknown, type: string, options: object): true | string;
}

/** What is entered in the field itself, as a text or a number; all other types say where to take it from. */
const enteredTypes = ['str', 'num'];

/** The same where `NAMEType` says of which type the value is: what is entered, or where to take it from. */
export function typedProperty(name: string, judge: TextJudge = () => true, when?: string): Validator {
  return validator((value, node) => {
    if (!applies(when, (other) => currentValue(node, other))) return true;
    // The open field judges itself, and tells where the mouse finds it: Node-RED hides the element behind it.
    const open = openField(node, name)?.data('noderedTypedInput') as TypedInput | undefined;
    if (open) return open.validate({ returnErrorMessage: true });
    const type = String(currentValue(node, `${name}Type`));
    if (enteredTypes.includes(type)) return judge(String(value ?? ''), node);
    const { validateTypedProperty } = RED.utils as unknown as EditorUtils;
    return validateTypedProperty(value, type, {});
  });
}

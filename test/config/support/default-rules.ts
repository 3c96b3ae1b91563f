/** class_from as installed, in the form of a rule: names of headers in lower case. */
export const DEFAULT_RULES: readonly { readonly header: string; readonly then?: 'batch' }[] = [
  { header: 'x-queue-class' },
  // biome-ignore lint/suspicious/noThenProperty: the word of the option; a text is no function.
  { header: 'x-openwebui-task', then: 'batch' },
]

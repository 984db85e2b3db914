// What is attached to every card once it has stems: `{ name, attach(card) }`, each called once.

import { share } from "./share.js";

export const extras = [share];

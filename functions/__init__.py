"""One file per function: events are translated here, nothing is decided.

While a function starts, the garbage collector rests: a start makes only what stays, and all of it would be walked time
and again. The first invocation wakes it (`relais.wiring`).
"""

import gc

gc.disable()

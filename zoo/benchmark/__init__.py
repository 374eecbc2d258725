"""The zoo beside plain references that do the same: one module a comparison, run by ``zoo benchmark``.

A module's ``measure(options)`` gives a ``Comparison``. Its two sides are functions of the options and a ``Meter``; each
call of one has a process of its own. The references are written as one would without the zoo, in ``by_hand``.
"""

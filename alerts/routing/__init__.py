"""Where alerts go, and which are held back: Alertmanager's routing, inhibition and time intervals, and components. Pure.

Source: Alertmanager 0.25, its documentation, and its own programs, which the tests compare these modules with.
"""

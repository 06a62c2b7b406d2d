"""Where alerts go, and which are held back: Alertmanager's routing and inhibition, and components. Pure.

Source: Alertmanager 0.25, its documentation, and its own programs, which the tests compare these modules with.
"""

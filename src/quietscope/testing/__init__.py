"""Contract suites: what every noise model, method and reader must hold to, for our members and for yours.

``noise_cases``, ``method_cases`` and ``reader_cases`` list the checks; parametrise a test over them.
"""

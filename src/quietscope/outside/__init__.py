"""What comes from outside: the one place that decides what may be opened, and how much of it is read.

Images, models, noise files, settings and archives come from other people. Whoever opens one of them asks here whether
it is a file at all (`regular_file`), and reads JSON and YAML (`plain_data`) and members of archives (`archive`) through
here. Everything has a bound: on bytes, nesting, aliases and numbers. Names from outside are shown by `shown`, and what
a run reads is protected from what it writes by `sources`.
"""

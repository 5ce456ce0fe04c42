"""What every kind of test stands on: worlds, scripted servers, chains of calls and certificates.

`World` is the core over vaults and a cluster in memory (`fakes`). `Site` is a vault and its
Secrets whatever stands behind them: the emulators of this process, or the whole stack.
"""

"""What every kind of test stands on: a vault with its Secrets, the app, and how to wait for both.

`Site` is the seam: what a test says of a vault and its Secrets, whatever stands behind them.
`EmulatedSite` has the emulators of this process behind it, `StackSite` the whole stack.
"""

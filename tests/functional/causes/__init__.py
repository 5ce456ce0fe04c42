"""Why a secret does not arrive: each cause staged, and what each view of the app says of it."""

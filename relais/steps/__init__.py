"""The steps decide: they read rows, ask the domain, write what follows, and do what is then owed."""

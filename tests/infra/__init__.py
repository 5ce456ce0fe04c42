"""The ways to Azure and to a cluster, held to the design and to each other, without either."""

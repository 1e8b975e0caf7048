"""The network with its head: loaded, adapted, fitted into memory, and its gradients."""

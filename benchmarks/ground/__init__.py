"""What several measurements stand on: providers in processes of their own, CPU seconds, a verdict with an exit code.

No figure is measured here.
"""

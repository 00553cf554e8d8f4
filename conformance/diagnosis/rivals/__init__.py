"""Rival models: what a Dense with one defect would answer, in certified intervals."""

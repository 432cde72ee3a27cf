"""What the model says to nokens, as tables: asked alike by notebooks and panels."""

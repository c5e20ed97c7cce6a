"""Real service processes, real databases and real kills: what is promised has to hold while things break."""

"""What tools/bench is made of: programs to run, figures to make of what they say, ways to show it."""

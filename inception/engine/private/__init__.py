"""The private engine: started by inception where no engine answers, stopped once no client or level uses it."""

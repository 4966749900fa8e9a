"""A site's day: what happens at a school when nothing happens, from the calendar to the last patrol round."""

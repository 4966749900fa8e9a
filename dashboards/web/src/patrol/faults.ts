// Faults of pictures in the order of their gravity, as the server has them (domain/camera_words.py).

export const FAULTS = [
  'no_signal',
  'black',
  'overexposed',
  'stripes',
  'snow',
  'noise',
  'covered',
  'blurred',
  'moved',
  'colour_cast',
  'frozen',
  'no_picture',
] as const
